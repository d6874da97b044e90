"""Writes small finished runs of every task, and a search, as this version leaves them: what later versions must still
read.

    python tests/make_earlier_runs.py

They come to lie in tests/runs_of_earlier_versions/VERSION and stay as they are for good: what a version has written
cannot be written again. Run it once before a release. Of each folder only what loading needs is kept; paths of this
machine are made relative, and host and process id are neutral. Networks that fine-tuning begins with are not kept:
tests/test_earlier_versions.py makes them anew (tests/pretrained.py).
"""

import json
import os
import shutil
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
FOLDER = ROOT / "tests" / "runs_of_earlier_versions"
SEARCH = "tune-image-cls"
# Whoever measures a generator needs the network that its run was measured by, so that is the bundled one.
_SMALLER = {
    "dcgan": [
        "evaluation.features=backbone",
        "model.latent=8",
        "model.embedding=4",
        "model.discriminator_units=[8]",
        "model.spectral_normalization=true",
    ],
    "text-cls": ["model.name=bilstm", "model.wide.size=300", "model.embedding=4"],
}
_DROPPED = ("logs", "plots", "checkpoints", "progress", "report.html", "README.md", ".lock")
_TEXT = (".json", ".yaml", ".csv", ".txt")


def main() -> None:
    """Makes all of them; an existing folder of this version is an error."""
    sys.path.insert(0, str(ROOT))
    import tfpipelines
    from tests.tasks.cases import CASES, TINY, case_with, make_network
    from tfpipelines import Observer

    target = FOLDER / tfpipelines.__version__
    if target.exists():
        sys.exit(f"{target} is there already: what a version has written is not written again.")
    with tempfile.TemporaryDirectory() as home:
        os.chdir(home)
        os.environ["TFPIPE_CACHE"] = f"{home}/cache"
        for name in sorted(CASES):
            pipeline, overrides, _ = case_with(name, lambda needed: make_network(needed, Path(home)))
            overrides = [*overrides, *_SMALLER.get(name, ())]
            command = f"tfpipe run {pipeline}"
            tfpipelines.run(pipeline, overrides, name=name, observer=Observer(), command=command)
        settings = ["search.trials=2", "search.algorithm=random", "search.keep=1", "search.final_seeds=[0]"]
        options = {"observer": Observer(), "command": "tfpipe tune image-cls"}
        tfpipelines.tune("image-cls", [*TINY, "data.limit=64", *settings], name=SEARCH, **options)
        shutil.copytree("runs", target, ignore=shutil.ignore_patterns(*_DROPPED, "latest"))
        neutral(target, str(Path(home).resolve()))
    print(f"{sum(path.stat().st_size for path in target.rglob('*') if path.is_file()) / 1000:.0f} kB in {target}")


def neutral(folder: Path, home: str) -> None:
    """Takes out of text files what is of this machine."""
    for path in [path for path in folder.rglob("*") if path.suffix in _TEXT]:
        text = path.read_text(encoding="utf-8").replace(f"{home}/", "")
        if path.name == "status.json":
            text = json.dumps({**json.loads(text), "host": "elsewhere", "pid": 1}, indent=1, ensure_ascii=False) + "\n"
        path.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
