"""Runs and searches of every task, disturbed at random moments and resumed until they are done. What they leave must
equal, bit for bit, what an undisturbed one leaves.

    python benchmarks/soak.py --kills 300 --minutes 60 --lanes 2
    python benchmarks/soak.py --task image-cls --kind search --fault disk --seed 7

The cases are those of tests/tasks/cases.py, two epochs long. The moment of a fault is drawn uniformly over the time
that the undisturbed run takes, and up to five faults hit one run. Linux only. Exit code 1 if anything differs or is
lost.

kill, terminate, interrupt    SIGKILL, SIGTERM and SIGINT to the process (of a search: to its supervisor)
worker                        SIGKILL to the worker process of a search
disk                          no file of any of its processes may grow beyond a size from now on (RLIMIT_FSIZE)
full                          its disk, a tmpfs, has hardly any room left (only where one may be mounted)
memory                        one of its processes, or all, gets hardly any more memory (RLIMIT_AS)
"""

import argparse
import json
import multiprocessing
import os
import random
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from soak_process import NO_MEMORY, Child, begun, left, prepared, resumed

ROOT = Path(__file__).resolve().parents[1]
FAULTS = ("kill", "terminate", "interrupt", "worker", "disk", "full", "memory")
SIGNALS = {"kill": signal.SIGKILL, "terminate": signal.SIGTERM, "interrupt": signal.SIGINT}
SIZES = (0, 400, 4_000, 60_000)  # bytes that a file may still have, or that the disk has left
DISK = 2**28  # bytes of a tmpfs
ROOMS = (0, 2**21, 2**25)  # bytes of memory that are left
FILLER = "filler"
MOST_FAULTS, MOST_RESUMES = 5, 10
PATIENCE = 90.0  # seconds, besides three times the undisturbed time, after which a process counts as hung


@dataclass
class Case:
    """A run or search, and what it leaves undisturbed."""

    task: str
    kind: str
    pipeline: str
    overrides: list[str]
    seconds: float = 0.0
    expected: dict[str, Any] | None = None

    def __str__(self) -> str:
        return f"{self.task} {self.kind}"


def main() -> int:
    """Reads the command line; the exit code."""
    sys.path.insert(0, str(ROOT))
    os.environ |= {"PYTHONPATH": os.pathsep.join([str(ROOT), str(ROOT / "benchmarks")]), "TF_CPP_MIN_LOG_LEVEL": "3"}
    from tests.tasks.cases import CASES
    from tfpipelines.tuning.pool import _PRELOADED

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=300, help="faults in all")
    parser.add_argument("--minutes", type=float, default=60, help="begin no further run after so many")
    parser.add_argument("--task", action="append", choices=sorted(CASES), help="only this one; may be repeated")
    parser.add_argument("--kind", choices=("run", "search"), help="only runs, or only searches")
    parser.add_argument("--fault", action="append", choices=FAULTS, help="only this one; may be repeated")
    parser.add_argument("--seed", type=int, default=0, help="of all that is drawn")
    parser.add_argument("--keep", type=Path, metavar="DIR", help="copy what differs or is lost there")
    parser.add_argument("--lanes", type=int, default=1, help="as many at a time, each with its part of the tasks")
    parser.add_argument("--counts", type=Path, help=argparse.SUPPRESS)  # where a lane writes what it has counted
    given = parser.parse_args()
    if given.lanes > 1:
        return in_lanes(given, given.task or sorted(CASES))
    multiprocessing.set_start_method("forkserver")
    multiprocessing.set_forkserver_preload([*_PRELOADED, "tests.tasks.cases", "soak_process"])
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as home:
        soak = Soak(Path(home), given)
        try:
            soak.run([(task, kind) for task in given.task or sorted(CASES) for kind in kinds(given.kind)])
        except KeyboardInterrupt:
            for process in multiprocessing.active_children():
                process.kill()
                process.join()
            print("stopped", file=sys.stderr)
        if given.counts:
            given.counts.write_text(json.dumps([[*key, count] for key, count in soak.counts.items()]))
        return soak.report()


def in_lanes(given: argparse.Namespace, tasks: list[str]) -> int:
    """Deals the tasks to processes of this script that work at the same time, and adds up what they count."""
    with tempfile.TemporaryDirectory() as home:
        lanes = []
        for lane in range(given.lanes):
            words = [f"--kills={-(-given.kills // given.lanes)}", f"--minutes={given.minutes}", f"--seed={given.seed}"]
            words += [f"--task={task}" for task in tasks[lane :: given.lanes]]
            words += [f"--fault={fault}" for fault in given.fault or []]
            words += [f"--kind={given.kind}"] * bool(given.kind) + [f"--keep={given.keep}"] * bool(given.keep)
            words += [f"--counts={home}/{lane}"]
            lanes.append(subprocess.Popen([sys.executable, __file__, *words], stdout=sys.stderr))
        soak = Soak(Path(home), given)
        failed = [lane.wait() > 1 for lane in lanes]
        for lane in range(given.lanes):
            for task, kind, fault, count in json.loads(Path(home, str(lane)).read_text()):
                soak.counts.setdefault((task, kind, fault), Counter()).update(count)
        return max(soak.report(), *failed)


def kinds(asked: str | None) -> tuple[str, ...]:
    """What is tried of each task."""
    return (asked,) if asked else ("run", "search")


def difference(was: Any, found: Any, where: str = "") -> list[str]:
    """What differs, in words; of lists and objects inside, the first entry of each."""
    if was == found:
        return []
    if isinstance(was, dict) and isinstance(found, dict):
        inner = [difference(was.get(key), found.get(key), f"{where} {key}".strip()) for key in {**was, **found}]
        return [line for lines in inner for line in lines[:1]]
    if isinstance(was, list) and isinstance(found, list) and len(was) == len(found):
        return [line for pair in zip(was, found) for line in difference(*pair, where)]
    return [f"{where}: {str(was)[:200]} -> {str(found)[:200]}"]


@contextmanager
def small_disk(folder: Path) -> Iterator[None]:
    """Makes a folder a disk of its own for a while.

    Raises:
        CalledProcessError: if that is not allowed.
    """
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={DISK}", "tmpfs", folder], check=True, capture_output=True)
    try:
        yield
    finally:
        subprocess.run(["umount", "--lazy", folder], check=True)


class Soak:
    """All lives of all cases, and their counts."""

    def __init__(self, home: Path, given: argparse.Namespace):
        self.home, self.given, self.draw = home, given, random.Random(given.seed)
        self.until = time.monotonic() + 60 * given.minutes
        self.counts: dict[tuple[str, str, str], Counter] = {}
        self.lives = 0

    def run(self, wanted: list[tuple[str, str]]) -> None:
        """Cases in turn, each with another fault every time, until kills or minutes are used up."""
        known: dict[tuple[str, str], Case] = {}
        queue: list[tuple[tuple[str, str], str]] = []
        allowed = [fault for fault in self.given.fault or FAULTS if fault != "full" or self.mountable()]
        while time.monotonic() < self.until and self.total("kills") < self.given.kills:
            if not queue:
                faults = [(name, fault) for name in wanted for fault in allowed]
                queue = [(name, fault) for name, fault in faults if fault != "worker" or name[1] == "search"]
                self.draw.shuffle(queue)
            name, fault = queue.pop()
            if name not in known:
                known[name] = self.undisturbed(*name)
            self.life(known[name], fault)

    def undisturbed(self, task: str, kind: str) -> Case:
        """The case, once it has been run without a fault."""
        home = self.home / f"{task}-{kind}"
        home.mkdir()
        case = Case(task, kind, *self.child(home, prepared, task, str(self.home / "networks"), kind).result(600))
        began = time.monotonic()
        life = self.child(home, begun, case.kind, case.pipeline, case.overrides, "0")
        told = life.result(1800)
        assert told == "done", f"{case} failed undisturbed: {told}\n{life.log()}"
        case.seconds = time.monotonic() - began
        case.expected = self.child(home, left, str(home / "runs" / "0"), case.kind).result(300)
        print(f"{case}: {case.seconds:.1f} s undisturbed", file=sys.stderr, flush=True)
        shutil.rmtree(home)
        return case

    def life(self, case: Case, fault: str) -> None:
        """One run or search with faults of one kind, resumed until it is done, and compared."""
        self.lives += 1
        home = self.home / f"life-{self.lives}"
        home.mkdir()
        with small_disk(home) if fault == "full" else nullcontext():
            self.lived(home, case, fault)
        shutil.rmtree(home)

    def lived(self, home: Path, case: Case, fault: str) -> None:
        """The life in its folder."""
        count = self.counts.setdefault((case.task, case.kind, fault), Counter())
        faults, told, course = self.draw.choice(range(1, MOST_FAULTS + 1)), "", []
        folder = home / "runs" / "0"
        for attempt in range(MOST_RESUMES):
            if (folder / "status.json").is_file():
                child = self.child(home, resumed, str(folder))
                count["resumed"] += 1
            else:  # nothing was there yet
                folder = home / "runs" / str(attempt)
                child = self.child(home, begun, case.kind, case.pipeline, case.overrides, folder.name)
            if attempt < faults and self.disturb(child, case, fault, course, not attempt):
                count["kills"] += 1
            told = child.result(PATIENCE + 3 * case.seconds)
            (home / FILLER).unlink(missing_ok=True)
            course.append(told)
            if told == "done":
                break
            if told == "hung":
                count["hung"] += 1
            elif attempt >= faults:  # nothing has disturbed it
                break
        wrong = self.wrong(home, folder, case, fault) if told == "done" else [f"ended as: {told}"]
        count["lives"] += 1
        count["lost" if wrong else "equal"] += 1
        print(f"{self.lives:>4} {case}, {fault}: {'; '.join(wrong) or 'equal'} [{'; '.join(course)}]", flush=True)
        if wrong:
            print(child.log(), file=sys.stderr, flush=True)
            if self.given.keep:
                shutil.copytree(home, self.given.keep / f"{case.task}-{home.name}", symlinks=True)

    def wrong(self, home: Path, folder: Path, case: Case, fault: str) -> list[str]:
        """In what a finished life differs from the undisturbed one."""
        found = self.child(home, left, str(folder), case.kind).result(300)
        if not isinstance(found, dict):
            return [f"cannot be compared: {found}"]
        assert case.expected is not None
        if fault in ("disk", "full"):  # a page that finds no room is told of in a note; `tfpipe report` writes it later
            found = {name: value for name, value in found.items() if not name.endswith("reports")}
        no_memory, expected = found.pop("no memory", []), dict(case.expected)
        expected.pop("no memory", None)
        expected = {name: value for name, value in expected.items() if name in found or not name.endswith("reports")}
        if fault == "memory" and no_memory:  # a trial that fails for want of memory has failed, so others may be best
            kept = [key for key in expected if key.startswith("trial ") and NO_MEMORY not in str(found.get(key))]
            expected, found = ({key: some.get(key) for key in kept} for some in (expected, found))
        return difference(expected, found)

    def disturb(self, child: "Child", case: Case, fault: str, course: list[str], first: bool) -> bool:
        """Waits for a drawn moment, then does what a fault is; whether the process was still there."""
        moment, draw = self.draw.uniform(0, case.seconds), self.draw.random()
        size, room = self.draw.choice(SIZES), self.draw.choice(ROOMS)
        if not child.alive(moment):
            if first:  # the machine is less busy than it was
                case.seconds = moment
            return False
        course.append(f"{moment:.1f} s")
        if fault in SIGNALS:
            os.kill(child.process.pid, SIGNALS[fault])
        elif fault == "worker":
            workers = child.workers()
            if not workers:
                return False
            workers[int(draw * len(workers))].kill()
        elif fault == "disk":
            course[-1] += f", {size} bytes"
            while child.alive(0.02):
                child.limit(resource.RLIMIT_FSIZE, lambda process: size, child.family())
        elif fault == "full":
            course[-1] += f", {size} bytes"
            left_free = shutil.disk_usage(child.home).free - size
            with suppress(OSError), open(child.home / FILLER, "wb") as file:
                os.posix_fallocate(file.fileno(), 0, left_free)
        else:
            course[-1] += f", {room >> 20} MB"
            family = child.family()
            chosen = family if draw < 0.3 else [family[int(draw * len(family))]]
            child.limit(resource.RLIMIT_AS, lambda process: process.memory_info().vms + room, chosen)
        return True

    def mountable(self) -> bool:
        """Whether a tmpfs may be mounted here."""
        place = self.home / "tmpfs"
        place.mkdir(exist_ok=True)
        try:
            with small_disk(place):
                return True
        except (OSError, subprocess.CalledProcessError):
            return False

    def child(self, home: Path, target, *words) -> "Child":
        """A process that works in a folder."""
        return Child(home, target, words)

    def total(self, name: str) -> int:
        """Of all counts."""
        return sum(count[name] for count in self.counts.values())

    def report(self) -> int:
        """Prints the table; the exit code."""
        names = ("kills", "resumed", "lives", "equal", "lost", "hung")
        print(f"\n{'task':<16}{'kind':<8}{'fault':<11}" + "".join(f"{name:>9}" for name in names))
        for (task, kind, fault), count in sorted(self.counts.items()):
            print(f"{task:<16}{kind:<8}{fault:<11}" + "".join(f"{count[name]:>9}" for name in names))
        print(f"{'all':<35}" + "".join(f"{self.total(name):>9}" for name in names))
        return int(self.total("lost") > 0 or not self.counts)


if __name__ == "__main__":
    sys.exit(main())
