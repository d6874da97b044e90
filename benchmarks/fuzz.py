"""Commands on run folders of which one file is damaged at random: what they end with, and what they do wrong.

    python benchmarks/fuzz.py                      5,000 mutants
    python benchmarks/fuzz.py --count 300 --seed 7
    python benchmarks/fuzz.py --only 1234          one of them again

Prints a table, kind of file x exit code, and every bug; exit code 1 if there are any. See `tests/fuzzing.py`.
"""

import argparse
import faulthandler
import os
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]


def main() -> int:
    """Reads the command line; the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=5000, help="mutants")
    parser.add_argument("--first", type=int, default=0, help="number of the first one")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--seconds", type=float, default=float("inf"), help="after which no further one is tried")
    parser.add_argument("--only", type=int, nargs="+", help="numbers of those to try")
    parser.add_argument("--verbs", nargs="+", help="only these commands")
    arguments = parser.parse_args()
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    sys.path.insert(0, str(ROOT))
    from tests import fuzzing
    from tests.conftest import draw_nothing

    draw_nothing()
    with tempfile.TemporaryDirectory() as name:
        place = Path(name)
        for variable in ("TFPIPE_CACHE", "TFPIPE_CONFIG"):
            os.environ[variable] = str(place / variable.lower())
        (place / "home").mkdir()
        home = fuzzing.Home(place / "home", {"image-cls": trained(place)})
        verbs = {word: fuzzing.VERBS[word] for word in arguments.verbs or fuzzing.VERBS}
        table: Counter[tuple[str, int]] = Counter()
        bugs, slowest, began = [], 0.0, time.monotonic()
        for number in arguments.only or range(arguments.first, arguments.first + arguments.count):
            if time.monotonic() - began > arguments.seconds:
                break
            faulthandler.dump_traceback_later(120, exit=True)
            outcome = home.attempt(arguments.seed, number, verbs)
            table[kind_of(outcome.file), outcome.code] += 1
            slowest = max(slowest, outcome.seconds if outcome.code else 0.0)
            if outcome.bugs or arguments.only:
                bugs += [outcome] if outcome.bugs else []
                told = f"{outcome.number} {outcome.verb}, {outcome.file} ({outcome.kind}): code {outcome.code}, "
                print(f"{told}{outcome.seconds:.1f} s: {'; '.join(outcome.bugs)}: {outcome.said[:400]!r}", flush=True)
        faulthandler.cancel_dump_traceback_later()
    codes = sorted({code for _, code in table})
    print("\n| file | " + " | ".join(f"exit {code}" for code in codes) + " | all |")
    print("|---|" + "---:|" * (len(codes) + 1))
    for file in sorted({file for file, _ in table}):
        row = [table[file, code] for code in codes]
        print(f"| {file} | " + " | ".join(f"{count:,}" if count else "" for count in row) + f" | {sum(row):,} |")
    row = [sum(count for (_, found), count in table.items() if found == code) for code in codes]
    print("| all | " + " | ".join(f"{count:,}" for count in row) + f" | {sum(row):,} |")
    print(f"\n{len(bugs)} bugs; the slowest refusal took {slowest:.1f} s")
    return int(bool(bugs))


def trained(place: Path) -> Path:
    """A run with all that the current version writes, checkpoints included."""
    import tensorflow as tf

    import tfpipelines
    from tests.conftest import TINY

    tf.config.run_functions_eagerly(True)
    (place / "trained").mkdir()
    os.chdir(place / "trained")
    run = tfpipelines.run("image-cls", [*TINY, "data.limit=60"], name="run", observer=tfpipelines.Observer())
    os.chdir(place)
    return run.folder


def kind_of(file: str) -> str:
    """The name of a file, numbers left out."""
    name = Path(file).name
    if file.startswith("checkpoints/"):
        return f"checkpoints/*{Path(name).suffix}"
    return name


if __name__ == "__main__":
    sys.exit(main())
