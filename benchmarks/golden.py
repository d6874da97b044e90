"""Whether two versions of the code train to the same bits: a small run of each task, weights and predictions by hash.

    python benchmarks/golden.py REVISION      the working tree and a git revision, side by side; exit 1 if they differ
    python benchmarks/golden.py --record      the working tree alone; its bits go into tests/golden.json
    taskset -c 0 python benchmarks/golden.py ...          the same on one core

Every run is a process of its own. Both trees get the same networks, made once by the working tree, and the same
overrides; package, pipelines and sample data are those of the tree.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
TREE, RESULT = "GOLDEN_TREE", "golden: "
NONE = "-"


def main() -> int:
    """Reads the command line; the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("revision", nargs="?", help="of this repository, such as HEAD~3 or main")
    parser.add_argument("--record", action="store_true", help="write the working tree's bits into tests/golden.json")
    parser.add_argument("--tasks", nargs="+", metavar="TASK", help="only these, for a quick look")
    arguments = parser.parse_args()
    if not (arguments.revision or arguments.record):
        parser.error("name a revision to compare with, or give --record")
    sys.path.insert(0, str(ROOT))
    from tests import golden
    from tests.tasks.cases import CASES, case_with, make_network

    with tempfile.TemporaryDirectory() as name:
        home = Path(name)
        trees = {"working tree": ROOT}
        if arguments.revision:
            trees[arguments.revision] = checked_out(arguments.revision, home / "tree")
        found: dict[str, dict[str, dict]] = {tree: {} for tree in trees}
        networks = home / "networks"
        networks.mkdir()
        for task in arguments.tasks or sorted(CASES):
            pipeline, overrides, _ = case_with(task, lambda needed: make_network(needed, networks))
            for number, (tree, root) in enumerate(trees.items()):
                found[tree][task] = result_of(root, [pipeline, *overrides], home / f"{number}-{task}")
                print(f"  {task} of {tree} is done", file=sys.stderr, flush=True)
        differs = compared(found)
        if arguments.record:
            keys = {result["key"] for result in found["working tree"].values()}
            assert len(keys) == 1, f"the runs do not agree on where they ran: {keys}"
            bits = {task: result["bits"] for task, result in found["working tree"].items()}
            golden.record(key := keys.pop(), {**golden.recorded(key), **bits})
            print(f"recorded for: {key}")
    return int(differs)


def checked_out(revision: str, folder: Path) -> Path:
    """The files of a revision, but for its tests, in a folder."""
    folder.mkdir()
    command = ["git", "-C", str(ROOT), "archive", revision, "--", ".", ":(exclude)tests"]
    archive = subprocess.run(command, capture_output=True, check=True).stdout
    subprocess.run(["tar", "-x", "-C", str(folder)], input=archive, check=True)
    return folder


def result_of(root: Path, words: list[str], home: Path) -> dict:
    """Runs a case in a process that imports the package from a tree; `key` and `bits`, or `error`."""
    home.mkdir()
    environment = {
        **os.environ,
        "PYTHONPATH": str(root),
        TREE: str(root),
        "TFPIPE_CACHE": str(home / "cache"),
        "TF_CPP_MIN_LOG_LEVEL": "3",
    }
    command = [sys.executable, str(Path(__file__).resolve()), *words]
    result = subprocess.run(command, cwd=home, env=environment, capture_output=True, text=True, check=False)
    lines = [line for line in result.stdout.splitlines() if line.startswith(RESULT)]
    if result.returncode or not lines:
        return {"error": " ".join(result.stderr.split())[-300:] or f"exit code {result.returncode}"}
    return json.loads(lines[-1].removeprefix(RESULT))


def run_here(pipeline: str, overrides: list[str]) -> None:
    """In the process of a run: trains and prints key and bits."""
    # An editable installation would give the pipelines and sample data of another tree than this one.
    sys.meta_path[:] = [finder for finder in sys.meta_path if not str(finder).count("_EditableFinder")]
    sys.path.append(str(ROOT))
    import tfpipelines
    from tests import golden
    from tfpipelines import Observer

    tree = Path(os.environ[TREE])
    assert Path(tfpipelines.__file__).is_relative_to(tree), f"{tfpipelines.__file__} is not of {tree}"
    run = tfpipelines.run(pipeline, overrides, observer=Observer())
    run = tfpipelines.load(run.folder)
    print(RESULT + json.dumps({"key": golden.key_of(run.folder), "bits": golden.bits_of(run)}))


def compared(found: dict[str, dict[str, dict]]) -> bool:
    """Prints the hashes, a row for each task and kind; whether any differs, or a run has failed."""
    differs = False
    trees = list(found)
    print(f"{'task':<16}{'what':<13}" + "".join(f"{tree[:18]:<20}" for tree in trees))
    for task in found[trees[0]]:
        results = [found[tree][task] for tree in trees]
        for tree, result in zip(trees, results):
            if "error" in result:
                print(f"{task:<16}{tree} failed: {result['error']}")
                differs = True
        kinds = dict.fromkeys(kind for result in results for kind in result.get("bits", {}))
        for kind in kinds:
            hashes = [result.get("bits", {}).get(kind, NONE) for result in results]
            same = len(set(hashes)) == 1
            differs |= not same
            shown = "".join(f"{value[:16]:<20}" for value in hashes)
            print(f"{task:<16}{kind:<13}{shown}{'' if len(trees) == 1 else 'same' if same else 'DIFFERENT'}")
    return differs


if __name__ == "__main__":
    if TREE in os.environ:
        run_here(sys.argv[1], sys.argv[2:])
    else:
        sys.exit(main())
