"""A process that holds a folder and writes when it is told to: `python -m tests.core.holder FOLDER`.

It prints what it did, and reads `write NAME` and `quit` from stdin.
"""

import sys
from pathlib import Path

from tfpipelines.core.files import atomic_write
from tfpipelines.core.run_folder import RunFolder
from tfpipelines.errors import TfpipelinesError

try:
    with RunFolder(Path(sys.argv[1])).locked() as folder:
        print("held", folder.token, flush=True)
        for line in sys.stdin:
            if line.strip() == "quit":
                break
            atomic_write(folder / line.split()[1], "by the holder")
            print("written", flush=True)
    print("released", flush=True)
except TfpipelinesError as error:
    print(type(error).__name__, error.cause, flush=True)
    sys.exit(error.exit_code)
