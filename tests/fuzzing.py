"""Files of run folders, damaged at random, and what commands make of them: `tests/test_fuzz.py` tries some hundred, and
`benchmarks/fuzz.py` as many thousands as one likes.

A mutant is a pure function of a seed and its number. A command has a bug where it ends with exit code 1 or a traceback,
takes more than `SECONDS` or `MEGABYTES`, changes a file that it has no business with, or prints control characters.
"""

import copy
import hashlib
import io
import json
import os
import random
import re
import resource
import shutil
import signal
import sys
import tempfile
import time
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import yaml

from .conftest import ROOT

EARLIER = ROOT / "tests" / "runs_of_earlier_versions" / "0.1.0"
SECONDS, MEGABYTES = 5.0, 300
GOOD_CODES = (0, 2, 3, 4, 5, 6, 7)
HOSTILE = "\x1b]8;;http://a\x1b\\x\x1b[31m\u202e\x9b2J\r\n\u2066"
FORBIDDEN = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]")
_VALUES: tuple[Any, ...] = (
    None, True, 0, -1, 3, 2**63, 10**400, -1.5, 1e308, float("nan"), float("inf"), "", "x", HOSTILE, "9" * 5000,
    "../../x", "/dev/zero", [], [1], [[[[]]]], {}, {"a": 1}, ["x"] * 1000,
)  # fmt: skip
_KINDS: dict[str, Callable[[Path], Any]] = {  # what is no regular file of a sensible size
    "pipe": os.mkfifo,
    "folder": os.mkdir,
    "device": lambda path: os.symlink("/dev/zero", path),
    "dangling": lambda path: os.symlink("nowhere", path),
    "loop": lambda path: os.symlink(path.name, path),
    "300 MB": lambda path: (path.touch(), os.truncate(path, 300 * 2**20)),
}


@dataclass(frozen=True)
class Verb:
    """A command to be tried.

    Args:
        words: `{run}` is the damaged folder.
        folder: of the run, among those of earlier versions.
        share: how often it is chosen, beside the others.
        writes: pattern of the files in the run folder that it may write.
        reads: names of files that are damaged twice as often as others.
        data: whether stdout is data, in which names stand as they are.
    """

    words: str
    folder: str = "image-cls"
    share: float = 1.0
    writes: str = "$^"
    reads: str = ""
    data: bool = False


_REPORT = r"report\.html|README\.md|logs/run\.log"
_MODEL = "model.keras data.json status.json pipeline.yaml splits.csv threshold.json"  # what prediction reads
_RESUMED = "environment.json status.json pipeline.yaml splits.csv data.json checkpoints"
_RUN = rf"{_REPORT}|\.lock|logs/.*|checkpoints/.*|plots/.*|.*\.(json|csv|keras|yaml|html|md)"
VERBS = {
    "list": Verb("list runs --in {runs}", share=6),
    "report": Verb("report {run}", share=5, writes=_REPORT),
    "compare": Verb("compare {good} {run}", share=1.5),
    "compare --html": Verb("compare {run} {good} --html page.html", share=0.7),
    "show": Verb("show {run}/pipeline.yaml", share=3, reads="pipeline.yaml"),
    "check": Verb("check {photos} --pipeline {run}/pipeline.yaml", share=1),
    "predict": Verb("predict {run} {photos}", share=1.5, data=True, reads=_MODEL),
    "evaluate": Verb("evaluate {run} {photos}", share=0.3, reads=_MODEL),
    "run --from": Verb("run image-cls data.limit=20 --from {run} --out new", share=0.2, reads=_MODEL),
    "export": Verb("export {run} --samples 4", share=0.1, writes="export/.*", reads=_MODEL),
    "surface": Verb(
        "report {run} --loss-surface --surface-points 3 --surface-samples 16", share=0.1, writes=".*", reads=_MODEL
    ),
    "resume": Verb("resume {run}", share=1, writes=_RUN, reads=_RESUMED),
    "search: report": Verb("report {run}", "tune-image-cls", share=3, writes=_REPORT),
    "search: list": Verb("list runs --in {runs}", "tune-image-cls", share=1),
    # What is left of a final run, or that it is gone, may let it be made again.
    "search: resume": Verb("resume {run}", "tune-image-cls", share=0.5, writes=rf"(final/seed-0/)?({_RUN})"),
    "detector: report": Verb("report {run}", "anomaly-table", share=2, writes=_REPORT),
    "detector: predict": Verb("predict {run} {rows}", "anomaly-table", share=0.5, data=True, reads=_MODEL),
    "detector: recalibrate": Verb("recalibrate {run} {rows}", "anomaly-table", share=0.3, writes=r".*", reads=_MODEL),
    "texts: report": Verb("report {run}", "text-cls", share=1, writes=_REPORT),
    "texts: predict": Verb("predict {run} --text good", "text-cls", share=0.2, data=True, reads=_MODEL),
}  # fmt: skip


class Outcome(NamedTuple):
    """What a command made of a mutant.

    Args:
        number: of the mutant.
        verb, file, kind: what was called, what was damaged, and how.
        code: exit code.
        seconds, megabytes: that it took.
        bugs: what it did that it may not do.
        said: the last lines of stderr.
    """

    number: int
    verb: str
    file: str
    kind: str
    code: int
    seconds: float
    megabytes: float
    bugs: tuple[str, ...]
    said: str


class Home:
    """A working directory with runs of earlier versions, in which commands are tried.

    Args:
        folder: empty; it becomes the working directory's content.
        fresh: finished runs to take instead of the earlier ones, {name of an earlier one: folder}.
    """

    def __init__(self, folder: Path, fresh: dict[str, Path] | None = None):
        self.folder, self.fresh = folder, fresh or {}
        for name in {verb.folder for verb in VERBS.values()}:
            self._prepare(Path(shutil.copytree(self.fresh.get(name, EARLIER / name), folder / "pristine" / name)))
        shutil.copytree(folder / "pristine" / "image-cls", folder / "good")
        (folder / "photos").mkdir()
        for number in range(3):
            (folder / "photos" / str(number)).mkdir()
            _picture(folder / "photos" / str(number) / "a.png", number)
        columns = json.loads((EARLIER / "anomaly-table" / "data.json").read_text())["columns"]
        rows = [columns, *([f"{place}.{row}" for place in range(len(columns))] for row in range(40))]
        (folder / "rows.csv").write_bytes(_write_csv(rows))
        (folder / "mine.txt").write_text("not to be touched")
        self.places = {"photos": "photos", "rows": "rows.csv", "good": "good", "runs": "runs"}

    @staticmethod
    def _prepare(run: Path) -> None:
        """What is refused at once for a hash, or by its host, would hide the rest."""
        status = json.loads((run / "status.json").read_text())
        status.pop("model_sha256", None)
        (run / "status.json").write_text(json.dumps(status))
        export = run / "export" / "saved_model" / "1"
        export.mkdir(parents=True)
        proof = {"samples": 3, "of": "image", "missing": 0, "largest_difference": 0.0, "mean_difference": 0.0}
        proof |= {"milliseconds_per_sample": 0.1, "tolerance": 1e-4, "flips": 0, "ties": 0}
        manifest = {
            "format": "saved_model",
            "quantize": None,
            "file": "saved_model.pb",
            "created": "2026-01-01T00:00:00",
        }
        manifest |= {
            "run": {"name": "x", "model_sha256": "0"},
            "proof": proof,
            "files": {"saved_model.pb": {"bytes": 1}},
        }
        (export / "manifest.json").write_text(json.dumps(manifest))

    def attempt(self, seed: int, number: int, verbs: dict[str, Verb] | None = None) -> Outcome:
        """Makes a mutant, and calls a command for it."""
        chance = random.Random(f"{seed}-{number}")
        known = verbs or VERBS
        name = chance.choices([*known], [verb.share for verb in known.values()])[0]
        verb, run = known[name], self.folder / "runs" / "bad"
        shutil.rmtree(self.folder / "runs", ignore_errors=True)
        shutil.copytree(self.folder / "pristine" / verb.folder, run)
        if "resume" in name:
            _interrupt(run)
        file, kind = _damage(run, chance, verb.reads.split())
        before = self._hashes()
        words = verb.words.format(run="runs/bad", **self.places).split()
        code, out, err, seconds, megabytes = _called(self.folder, words)
        after = self._hashes()
        bugs = [] if code in GOOD_CODES else [f"exit code {code}"]
        bugs += ["traceback"] if "Traceback" in err else []
        bugs += [f"took {seconds:.1f} s"] if seconds > SECONDS and not _computes(code, name) else []
        bugs += [f"took {megabytes:.0f} MB"] if megabytes > MEGABYTES and not _computes(code, name) else []
        shown = err if verb.data else out + err
        bugs += [f"printed {found[0]!r}"] if (found := FORBIDDEN.search(shown)) else []
        for page in (run / "report.html", run / "README.md", self.folder / "page.html"):
            if page.is_file() and not page.is_symlink() and page != run / file:
                found = FORBIDDEN.search(page.read_text(encoding="utf-8", errors="replace"))
                bugs += [f"wrote {found[0]!r} into {page.name}"] if found else []
        allowed = re.compile(rf"runs/bad/({verb.writes})|page\.html|new/.*")
        changed = {path for path in before | after if before.get(path) != after.get(path)}
        bugs += [f"changed {path}" for path in sorted(changed) if not allowed.fullmatch(path)]
        for path in (self.folder / "new", self.folder / "page.html"):
            shutil.rmtree(path, ignore_errors=True) if path.is_dir() else path.unlink(missing_ok=True)
        said = " | ".join(err.strip().splitlines()[-3:])
        return Outcome(number, name, file, kind, code, seconds, megabytes, tuple(bugs), said)

    def _hashes(self) -> dict[str, str]:
        found = {}
        for top, _, names in os.walk(self.folder):
            for name in names:
                path = Path(top) / name
                inside = path.relative_to(self.folder).as_posix()
                if path.is_symlink() or not path.is_file():
                    found[inside] = os.readlink(path) if path.is_symlink() else "no file"
                elif path.stat().st_size < 2**24 and not inside.startswith("pristine/"):
                    found[inside] = hashlib.sha1(path.read_bytes()).hexdigest()
        return found


def _computes(code: int, verb: str) -> bool:
    """Whether the command has done its work, which for some takes longer than to refuse it."""
    return code in (0, 5) and any(
        word in verb for word in ("resume", "export", "surface", "run", "evaluate", "predict")
    )


def _interrupt(run: Path) -> None:
    with suppress(OSError, ValueError):
        status = json.loads((run / "status.json").read_text())
        (run / "status.json").write_text(json.dumps({**status, "state": "interrupted"}))


def _picture(path: Path, number: int) -> None:
    from PIL import Image

    Image.new("L", (28, 28), 80 * number).save(path)


# --- mutation
_SUFFIXES = (".json", ".csv", ".yaml", ".keras", ".npz", ".md", "", ".log", ".txt")


def _damage(run: Path, chance: random.Random, reads: list[str]) -> tuple[str, str]:
    """Damages one file of a run folder; its name in the folder, and what was done to it."""
    files = sorted(path for path in run.rglob("*") if path.is_file() and path.suffix in _SUFFIXES)
    files = [path for path in files if path.name != "report.html"]
    if chance.random() < 0.02:
        path = chance.choice(sorted({path.parent for path in files} - {run}))
        shutil.rmtree(path)
        (_KINDS | {"missing": Path.exists, "file": Path.touch})[
            kind := chance.choice(["missing", "file", "pipe", "loop"])
        ](path)
        return path.relative_to(run).as_posix(), kind
    read = [path for path in files if path.relative_to(run).parts[0] in reads]
    path = chance.choice(read if read and chance.random() < 0.7 else files)
    others = [other.read_bytes() for other in files if other != path]
    kinds = [
        *_BYTES,
        *([*_INSIDE] * 3 if path.suffix in _READERS else []),
        *([*_KINDS] if chance.random() < 0.3 else []),
    ]
    kind = chance.choice(kinds)
    name = path.relative_to(run).as_posix()
    if kind in _KINDS:
        path.unlink()
        _KINDS[kind](path)
        return name, kind
    content = path.read_bytes()
    if kind in _BYTES:
        content = _BYTES[kind](content, chance, others)
    else:
        content = _inside(path.suffix, content, chance, kind)
    path.write_bytes(content)
    return name, kind


def _truncate(content: bytes, chance: random.Random, others: list[bytes]) -> bytes:
    return content[: chance.randrange(len(content) + 1)]


def _flip(content: bytes, chance: random.Random, others: list[bytes]) -> bytes:
    changed = bytearray(content)
    for _ in range(chance.choice((1, 3, 20))):
        if changed:
            changed[chance.randrange(len(changed))] = chance.randrange(256)
    return bytes(changed)


def _splice(content: bytes, chance: random.Random, others: list[bytes]) -> bytes:
    other, place = chance.choice(others), chance.randrange(len(content) + 1)
    start = chance.randrange(len(other) + 1)
    return content[:place] + other[start : start + chance.randrange(1, 2000)] + content[place:]


def _swap(content: bytes, chance: random.Random, others: list[bytes]) -> bytes:
    return chance.choice(others)


def _insert(content: bytes, chance: random.Random, others: list[bytes]) -> bytes:
    pieces = (
        b"\x1b[2J",
        b"\0",
        b"\xe2\x80\xae",
        b"\xff",
        b"9" * 400,
        b"[" * 100_000,
        b"{" * 100_000,
        b"NaN",
        b"-",
        b'"',
    )
    place = chance.randrange(len(content) + 1)
    return content[:place] + chance.choice(pieces) + content[place:]


def _other_shape(content: bytes, chance: random.Random, others: list[bytes]) -> bytes:
    shapes = (
        "[1]",
        "3",
        "null",
        '"x"',
        "",
        "{}",
        "[]",
        f"{10**400}",
        "[" * 100_000,
        "NaN",
        "[[1, 2], [3]]",
        '{"a": {}}',
    )
    return chance.choice(shapes).encode()


_BYTES = {
    "truncate": _truncate, "flip": _flip, "splice": _splice, "swap": _swap, "insert": _insert, "shape": _other_shape,
}  # fmt: skip


def _places(value: Any) -> Iterator[tuple[Any, Any]]:
    """(container, key) of every value inside."""
    pairs = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in pairs:
        yield value, key
        yield from _places(inner)


def _value(whole: Any, chance: random.Random) -> Any:
    places = [*_places(whole)]
    container, key = chance.choice(places)
    container[key] = copy.deepcopy(chance.choice(_VALUES))
    return whole


def _key(whole: Any, chance: random.Random) -> Any:
    places = [(container, key) for container, key in _places(whole) if isinstance(container, dict)]
    container, key = chance.choice(places)
    value = container.pop(key)
    if chance.random() < 0.6:
        container[chance.choice((HOSTILE, "x" * 3000, "", "__class__", f"{key}\x1b[1m"))] = value
    return whole


def _twice(whole: Any, chance: random.Random) -> Any:
    return _value(_value(whole, chance), chance)


def _hostile(whole: Any, chance: random.Random) -> Any:
    """Texts get control characters; nothing else changes, so that nearly all files stay readable."""
    for container, key in [*_places(whole)]:
        if isinstance(container[key], str) and chance.random() < 0.5:
            container[key] += HOSTILE
    return whole


_INSIDE = {"value": _value, "key": _key, "two values": _twice, "control characters": _hostile}


def _read_csv(content: bytes) -> Any:
    return [line.split(",") for line in content.decode().splitlines()]


def _write_csv(rows: Any) -> bytes:
    cell = lambda value: f'"{value}"' if any(mark in str(value) for mark in ',\r\n"') else str(value)
    return "\n".join(",".join(map(cell, row)) if isinstance(row, list) else cell(row) for row in rows).encode()


def _text_of(value: Any) -> bytes:
    return json.dumps(value, indent=1).encode()


_READERS: dict[str, tuple[Callable[[bytes], Any], Callable[[Any], bytes]]] = {
    ".json": (json.loads, _text_of),
    ".yaml": (yaml.safe_load, lambda value: yaml.safe_dump(value, allow_unicode=True).encode()),
    ".csv": (_read_csv, _write_csv),
    ".keras": (lambda content: content, lambda content: content),
}


def _inside(suffix: str, content: bytes, chance: random.Random, kind: str) -> bytes:
    if suffix == ".keras":
        return _inside_archive(content, chance, kind)
    read, write = _READERS[suffix]
    with suppress(ValueError, IndexError):
        return write(_INSIDE[kind](read(content), chance))
    return content


def _inside_archive(content: bytes, chance: random.Random, kind: str) -> bytes:
    """A model file, one of whose members is damaged."""
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    name = chance.choice(["config.json", "config.json", "metadata.json", "model.weights.h5"])
    if name.endswith(".json"):
        members[name] = _inside(".json", members[name], chance, kind)
    else:
        members[name] = _BYTES[chance.choice(["flip", "truncate", "splice"])](members[name], chance, [members[name]])
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        for member, inner in members.items():
            archive.writestr(member, inner)
    return stream.getvalue()


# --- calling
class _Hung(BaseException):
    pass


def _called(home: Path, words: list[str]) -> tuple[int, str, str, float, float]:
    """Exit code, stdout, stderr, CPU or waiting seconds and megabytes of a command in this process."""
    from tfpipelines.cli.group import cli

    def late(*_):
        raise _Hung(f"nothing after {6 * SECONDS:.0f} s")

    before, place = signal.signal(signal.SIGALRM, late), os.getcwd()
    os.chdir(home)
    code, began, used, memory = 0, time.monotonic(), time.process_time(), _peak()
    with _streams() as said:
        signal.setitimer(signal.ITIMER_REAL, 6 * SECONDS)
        try:
            cli.main(words, prog_name="tfpipe")
        except SystemExit as end:
            code = int(end.code or 0)
        except BaseException as error:
            code = 1
            print(f"Traceback: {type(error).__name__}: {error}", file=sys.stderr)
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)
            signal.signal(signal.SIGALRM, before)
            os.chdir(place)
    waited, used = time.monotonic() - began, time.process_time() - used
    # other processes make this one wait: of what it waited itself no more counts than what is beyond doubt
    return code, said[0], said[1], max(used, waited - SECONDS), _peak() - memory


def _peak() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (1024 if sys.platform == "linux" else 2**20)


@contextmanager
def _streams() -> Iterator[list[str]]:
    """What is written to stdout and stderr inside, by whatever way."""
    said, saved = ["", ""], [os.dup(1), os.dup(2)]
    files = [tempfile.TemporaryFile() for _ in saved]
    sys.stdout.flush()
    sys.stderr.flush()
    for number, file in enumerate(files, 1):
        os.dup2(file.fileno(), number)
    out, err = (open(number, "w", encoding="utf-8", closefd=False) for number in (1, 2))
    try:
        with redirect_stdout(out), redirect_stderr(err):
            yield said
    finally:
        for stream in (out, err):
            with suppress(OSError):
                stream.flush()
        for number, (file, old) in enumerate(zip(files, saved), 1):
            os.dup2(old, number)
            os.close(old)
            file.seek(0)
            said[number - 1] = file.read().decode("utf-8", "replace")
            file.close()
