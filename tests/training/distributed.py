"""A process of a run by several: python -m tests.training.distributed LOSSES STOP WORDS...

WORDS are those of the command line. The losses of all steps go to the file LOSSES. STOP is null, or by JSON [epoch,
step, number of a signal, number of the process that is to send it to itself, null for each].
"""

import json
import os
import sys
from pathlib import Path

from tfpipelines.core.processes import started
from tfpipelines.training import callbacks


def main(file: str, stop: str, *words: str) -> None:
    losses: list[float] = []
    check, progress = callbacks.StopOnNaN.on_train_batch_end, callbacks.Progress.on_train_batch_end
    at = json.loads(stop)

    def checked(self, batch, logs=None):
        losses.append(float(logs["loss"]))
        check(self, batch, logs)

    def progressed(self, batch, logs=None):
        progress(self, batch, logs)
        here = [self.epochs_before + self._epoch + 1, self.skipped + batch + 1]
        if at is not None and at[:2] == here and at[3] in (None, started().number):
            os.kill(os.getpid(), at[2])

    callbacks.StopOnNaN.on_train_batch_end, callbacks.Progress.on_train_batch_end = checked, progressed
    from tfpipelines.cli.group import cli

    try:
        cli.main(list(words), prog_name="tfpipe")
    finally:
        Path(file).write_text(json.dumps(losses))


if __name__ == "__main__":
    main(*sys.argv[1:])
