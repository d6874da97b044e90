"""What a process does that predicts blocks: it walks through the inputs, and carries out the blocks it is given."""

import os
import signal
from pathlib import Path
from typing import Any

from .. import training
from ..core.lock import working_for
from ..tuning.attempt import Halt
from ..tuning.worker import Line, settle, telling
from .block import BlockPredictor
from .blocks import Plan


def main(connection, setup: dict[str, Any]) -> None:
    """The process. It ends when it is told so, or whoever started it ends.

    Args:
        connection: on which it says `ready` with number and hash of the inputs, then for each number of a block that it
            is sent `done` with (number, inputs that could not be read); `fatal` with an error.
        setup: `plan` (its fields), `folder` of the parts, `token` of the lease on it, `inputs`, `trust`; `log`,
            `environment`, `threads`, `gpu` as those of `tuning.worker.main`.
    """
    halt = Halt()
    settle(setup, halt)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)  # parts are whole or not there
    line = Line(connection, halt)
    with telling(line, setup["log"]):
        plan, folder = Plan(**setup["plan"]), Path(setup["folder"])
        os.chdir(plan.base)
        with training.memory_errors(), working_for(folder, setup["token"]):
            predictor = BlockPredictor(plan, folder, setup["inputs"], setup["trust"])
            counted = predictor.count()
            line.send("ready", (counted.count, counted.digest))
            while (number := line.receive()) is not None:
                line.send("done", (number, predictor.carry_out(number)))
    os._exit(0)
