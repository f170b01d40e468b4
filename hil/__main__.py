"""`python -m hil`: the command `hil` of the Python that runs it, wherever its script is."""

import sys

from hil.cli.main import main

if __name__ == "__main__":
    sys.argv[0] = "hil"
    main()
