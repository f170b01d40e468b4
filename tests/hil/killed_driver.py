"""`hil train` in a process that is killed (SIGKILL) after some batches: cells have moved since the checkpoint.

    python killed_driver.py FATAL WORDS...

WORDS are those of `hil train`. The process is killed behind the FATAL-th batch that it shows, 0 for never, and prints
how many batches it has shown where it comes to its end.
"""

import os
import signal
import sys

import hil.training.loop
from hil.cli.main import main

fatal, shown = int(sys.argv[1]), 0
begin = hil.training.loop.TrainingLoop._begin
watched = []


def watching(self, stage, trainee):
    """Count what every trainee is shown."""
    begin(self, stage, trainee)
    if any(trainee is other for other in watched):
        return
    watched.append(trainee)
    show = trainee.show

    def counted(*arguments):
        global shown
        show(*arguments)
        shown += 1
        if shown == fatal:
            os.kill(os.getpid(), signal.SIGKILL)

    trainee.show = counted


hil.training.loop.TrainingLoop._begin = watching
hil.training.loop.CHECKPOINT_EVERY = 0.0
sys.argv = ["hil", "train", *sys.argv[2:]]
try:
    main()
finally:
    print(f"batches shown: {shown}")
