"""Processes in which TensorFlow is loaded already: importing it takes longer than most commands.

They are forked from a process of pytest once its tests are collected, before TensorFlow's first operation (after it,
forks hang), and wait; each is used once. Of this package they have nothing: it is imported anew. Where none is left, a
process is started as always.
"""

import array
import fcntl
import gc
import inspect
import json
import os
import runpy
import signal
import socket
import subprocess
import sys
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from multiprocessing import forkserver, util
from pathlib import Path

import pytest

COUNT = 5  # of waiting processes: more than the tests of one process of pytest use
_HIGH = 500  # what a waiting process has open is below it

_waiting: list[tuple[int, socket.socket]] = []  # number of a process, connection to it
_signature = inspect.signature(subprocess.Popen._execute_child)


def prepare(first: Callable[[], None]) -> None:
    """Loads what is slow to load, and forks the processes, unless TensorFlow has computed something already, or the
    system's own libraries forbid forks.

    Args:
        first: what each of them does before anything else.
    """
    if sys.platform != "linux":
        return
    import keras  # noqa: F401
    import keras_tuner  # noqa: F401
    import matplotlib.backends.backend_agg
    import matplotlib.pyplot  # noqa: F401
    import pandas  # noqa: F401
    import scipy.stats  # noqa: F401
    import sklearn.metrics  # noqa: F401

    if not _used():
        _waiting.extend(_fork(first) for _ in range(COUNT))


def _used() -> bool:
    from tensorflow.python.eager import context

    return context.context()._context_handle is not None


class Process(subprocess.Popen):
    """A `subprocess.Popen` of `[python, "-m" or "-c", ...]` that is one of the waiting processes, if there is one."""

    def _execute_child(self, *words):
        given = _signature.bind(self, *words).arguments
        files = {0: given["p2cread"], 1: given["c2pwrite"], 2: given["errwrite"]}
        if not _waiting or -1 in (files[1], files[2]):
            super()._execute_child(*words)
            return
        own = given["start_new_session"]
        self.pid = _take(given["args"][1:], files, given["cwd"], given["env"], own)
        self._child_created = True
        self._close_pipe_fds(*(given[name] for name in _PIPES))


_PIPES = ("p2cread", "p2cwrite", "c2pread", "c2pwrite", "errread", "errwrite")


def spawnv_passfds(path, words, files) -> int:
    """As that of `multiprocessing.util`, where it starts the server of worker processes. A process that has computed
    nothing yet forks itself.
    """
    if "forkserver" in words[-1] and _waiting:
        return _take(words[-2:], {number: number for number in files})
    if "forkserver" in words[-1] and "tensorflow" in sys.modules and not _used():
        pid = os.fork()
        if pid == 0:
            _close_all_but(files)
            _leave(lambda: _run(words[-2:]))
        return pid
    return _spawnv_passfds(path, words, files)


_spawnv_passfds = util.spawnv_passfds


def _take(words, files, folder=None, environment=None, own_session=False) -> int:
    """Lets a waiting process run something; returns its number.

    Args:
        files: {number there: file here, or -1}
    """
    pid, connection = _waiting.pop()
    files = {there: here for there, here in files.items() if here != -1}
    request = {"words": [str(word) for word in words], "files": list(files), "own_session": bool(own_session)}
    request |= {"folder": os.path.abspath(folder or "."), "environment": dict(environment or os.environ)}
    with connection:
        socket.send_fds(connection, [json.dumps(request).encode() + b"\n"], list(files.values()))
    return pid


def _fork(first: Callable[[], None]) -> tuple[int, socket.socket]:
    here, there = socket.socketpair()
    pid = os.fork()
    if pid == 0:
        _leave(lambda: (first(), _serve(there)))
    there.close()
    return pid, here


def _leave(call) -> None:
    """Ends this process when `call` has ended, as an interpreter does, but for what pytest wants done in the end."""
    code = 1
    try:
        call()
        code = 0
    except SystemExit as end:
        if isinstance(end.code, str):
            print(end.code, file=sys.stderr)
        code = end.code if isinstance(end.code, int) else int(end.code is not None)
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def _serve(connection: socket.socket) -> None:
    """Waits for what is to be run, and runs it."""
    nothing = os.open(os.devnull, os.O_RDWR)
    for number in (0, 1, 2):
        os.dup2(nothing, number)
    _close_all_but([connection.fileno()])
    gc.freeze()  # else collections would copy all that is shared
    text, *received = _receive(connection)
    if not text:
        os._exit(0)  # pytest has ended
    connection.close()
    request = json.loads(text)
    for here, wanted in zip(received, request["files"], strict=True):
        os.dup2(here, wanted)
        os.close(here)
    _begin(request)
    _run(request["words"])


def _close_all_but(files) -> None:
    """Closes what this process has open besides, but for the standard streams."""
    kept = sorted(files)
    for first, end in zip([3, *(number + 1 for number in kept)], [*kept, _HIGH], strict=True):
        os.closerange(first, end)


def _receive(connection: socket.socket) -> tuple:
    """A line, and files with numbers that nobody wants."""
    text, ancillary, *_ = connection.recvmsg(2**16, socket.CMSG_SPACE(64))
    while text and not text.endswith(b"\n"):
        text += connection.recv(2**16)
    numbers = array.array("i", b"".join(data for _, _, data in ancillary))
    high = [fcntl.fcntl(number, fcntl.F_DUPFD, _HIGH) for number in numbers]
    for number in numbers:
        os.close(number)
    return text, *high


def _begin(request) -> None:
    """Makes this process like one that has just begun."""
    from keras.src.saving import object_registration

    if request["own_session"]:
        os.setsid()
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    os.environ.clear()
    os.environ.update(request["environment"])
    os.chdir(request["folder"])
    sys.stdin, sys.stdout, sys.stderr = open(0), open(1, "w", buffering=1), open(2, "w", buffering=1)
    sys.meta_path[:] = [finder for finder in sys.meta_path if "pytest" not in type(finder).__module__]
    for name in [name for name in sys.modules if name.split(".")[0] in ("tfpipelines", "tests")]:
        del sys.modules[name]
    object_registration.GLOBAL_CUSTOM_OBJECTS.clear()
    object_registration.GLOBAL_CUSTOM_NAMES.clear()
    first = ["", *os.environ.get("PYTHONPATH", "").split(os.pathsep)]
    sys.path[:] = [*first, *(path for path in sys.path if path not in first)]


def _run(words: list[str]) -> None:
    """Does what an interpreter does of these words: `-m module ...` or `-c code ...`."""
    kind, what, *rest = words
    sys.argv = [kind, *rest]
    if kind == "-m":
        runpy.run_module(what, run_name="__main__", alter_sys=True)
    else:
        exec(what, {"__name__": "__main__"})


@contextmanager
def server_of_workers() -> Iterator[pytest.MonkeyPatch]:
    """Inside, the server from which worker processes are forked is a new one, begun when it is needed. What is patched
    meanwhile is put back.
    """
    forkserver._forkserver._stop()  # that of tests in other folders
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", str(Path(__file__).resolve().parents[1]))
        patch.setattr(util, "spawnv_passfds", spawnv_passfds)
        yield patch
        forkserver._forkserver._stop()
