"""Lab instruments: links, source-measure units, switch matrices, safety limits and a virtual bench.

Instruments are back ends of the contract in `hil.device`, opened as ``visa:...`` (`instruments.backend`). They may
import `sim`, whose devices sit on the virtual bench.
"""

import hil  # noqa: F401 - lets modules be found under the names that they had before
