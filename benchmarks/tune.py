"""Measures `tfpipe tune`, and compares its searches with those of plain KerasTuner and Optuna.

    python benchmarks/tune.py poor       20 trials from a poor space on digits and on reviews, beside the shipped
                                         pipelines; wall time beside that of the trials
    python benchmarks/tune.py workers    trials a minute with one worker and with two, small networks
    python benchmarks/tune.py cluster    seconds of a search by one worker, in turn with `--cluster local` (needs ray)
    python benchmarks/tune.py memory     growth of the supervising process over 50 trials
    python benchmarks/tune.py kills      SIGKILL to a worker, the supervisor or all at a random moment, then `tfpipe
                                         resume`; 20 times
    python benchmarks/tune.py peers      best validation accuracy by epochs spent, seeds 0 to 4, beside plain KerasTuner
                                         and Optuna (needs optuna); tune_peers.png and .json

`--rounds N` is the number of turns of `workers`. A quiet machine is needed for `poor` and `workers`: nothing else
should run.
"""

import json
import os
import random
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from itertools import accumulate
from pathlib import Path

import psutil
from measure import QUIET, main, report, tfpipe_run, timed

POOR_DIGITS = [
    "search.space={train.learning_rate: {min: 1e-5, max: 1, scale: log}, train.batch_size: {min: 8, max: "
    "512, scale: log}, "
    "model.filters: [[4, 8, 16], [8, 16, 32], [16, 32, 64], [32, 64, 128], [128, 128, 128]]}",
    "search.start=false",
    "train.epochs=10",  # of 26: a trial with batches of 8 takes minutes
]
POOR_REVIEWS = [
    "search.space={train.learning_rate: {min: 1e-5, max: 1, scale: log}, train.batch_size: {min: 8, max: "
    "512, scale: log}, "
    "model.units: {min: 4, max: 128, scale: log}, model.embedding: {min: 4, max: 128, scale: log}}",
    "search.start=false",
]
SMALL = [
    "model.name=mlp",
    "data.limit=1000",
    "search.space={train.learning_rate: {min: 1e-4, max: 1e-2, scale: log}, model.units: [[32], [64], [128]]}",
    "search.final_seeds=[]",
]
SAME = [  # what the peers search, too
    "model.name=mlp", "train.epochs=8", "train.ema=null", "train.warmup_epochs=0",
    "search.space={train.learning_rate: {min: 1e-5, max: 1, scale: log}, train.batch_size: "
    "{min: 8, max: 512, scale: log}, model.units: [[4], [16], [64], [128], [64, 64], [128, 128]], "
    "model.dropout: {min: 0, max: 0.8}}",
    "search.start=false", "search.final_seeds=[]",
]  # fmt: skip


def search(pipeline: str, folder: Path, *words: str) -> tuple[float, Path]:
    """Seconds of one `tfpipe tune`, and its folder."""
    seconds, out = timed(
        [sys.executable, "-m", "tfpipelines", "tune", pipeline, "--out", str(folder), "--json", *words]
    )
    return seconds, Path(json.loads(out)["run"])


def state_of(folder: Path) -> dict:
    """The content of search.json."""
    return json.loads((folder / "search.json").read_text())


def poor(peers: Path, rounds: int) -> None:
    """Validation accuracy that 20 trials reach, beside that of the pipeline as shipped, seed 0."""
    with tempfile.TemporaryDirectory() as name:
        for pipeline, space in (("image-cls", POOR_DIGITS), ("text-cls", POOR_REVIEWS)):
            _, run = tfpipe_run(pipeline, Path(name))
            history = [line.split(",") for line in (run / "history.csv").read_text().splitlines()]
            rows = [dict(zip(history[0], row)) for row in history[1:]]
            monitor = "val_log_loss" if "val_log_loss" in rows[0] else "val_loss"
            shipped = float(min(rows, key=lambda row: float(row[monitor]))["val_accuracy"])
            seconds, folder = search(pipeline, Path(name), *space, "search.final_seeds=[]")
            metrics, state = json.loads((folder / "metrics.json").read_text()), state_of(folder)
            print(
                f"{pipeline}: shipped {shipped:.4f}, search {metrics['search']['score']:.4f} (trial "
                f"{metrics['search']['trial']}) by {metrics['search']['values']}"
            )
            print(
                f"  trials {metrics['search']['trials']}, {metrics['search']['epochs']} epochs; best so "
                f"far: {best_so_far(state)}"
            )
            trials = sum(trial["seconds"] for trial in state["trials"])
            print(
                f"  whole command {seconds:.0f} s, search {metrics['time']['search']:.0f} s, its trials "
                f"{trials:.0f} s: {metrics['time']['search'] / trials:.3f}, with start-up and pictures "
                f"{seconds / trials:.3f}",
                flush=True,
            )


def best_so_far(state: dict) -> list[float]:
    """Best score after each trial."""
    scores = [-1.0 if trial["score"] is None else trial["score"] for trial in state["trials"]]
    return [round(value, 4) for value in accumulate(scores, max)]


def workers(peers: Path, rounds: int) -> None:
    """Trials a minute; both searches run the same number of trials of one size."""
    rates: dict[int, list[float]] = {1: [], 2: []}
    words = [*SMALL, "train.epochs=12", "search.trials=12", "search.algorithm=random", "search.pruning=none"]
    with tempfile.TemporaryDirectory() as name:
        for _ in range(rounds):
            for count in rates:
                _, folder = search("image-cls", Path(name), *words, "--workers", str(count))
                rates[count].append(60 * 12 / state_of(folder)["elapsed"])
    one, two = (report(f"{count} worker{'s' * (count > 1)}", values, "trials/min") for count, values in rates.items())
    print(f"  ratio {two / one:.3f}")


def cluster(peers: Path, rounds: int) -> None:
    """Seconds of the whole command, and of its search, in turn; each worker has one thread."""
    ways = {"this machine": [], "--cluster local": ["--cluster", "local"]}
    seconds: dict[str, list[tuple[float, float]]] = {name: [] for name in ways}
    words = [*SMALL, "train.epochs=12", "search.trials=8", "search.algorithm=random", "search.pruning=none"]
    words += ["search.resources.cpus=1", "--workers", "1"]
    with tempfile.TemporaryDirectory() as name:
        for _ in range(rounds):
            for way, options in ways.items():
                began = time.perf_counter()
                _, folder = search("image-cls", Path(name), *words, *options)
                seconds[way].append((time.perf_counter() - began, state_of(folder)["elapsed"]))
    for place, what in enumerate(("whole command", "search alone")):
        here, there = (report(f"{what}, {way}", [told[place] for told in seconds[way]]) for way in ways)
        print(f"  ratio {there / here:.3f}")


def memory(peers: Path, rounds: int) -> None:
    """Resident memory of the supervisor whenever a trial ends."""
    sizes: dict[int, float] = {}
    with tempfile.TemporaryDirectory() as name:
        process = start(
            [
                "tune",
                "image-cls",
                "--out",
                name,
                "--name",
                "search",
                *SMALL,
                "data.limit=200",
                "train.epochs=1",
                "search.trials=50",
            ]
        )
        while process.poll() is None:
            time.sleep(0.05)
            done = sum(event[0] == "end" for event in events(Path(name) / "search"))
            if done not in sizes:
                sizes[done] = psutil.Process(process.pid).memory_info().rss / 2**20
    first, last = min(count for count in sizes if count > 0), max(sizes)
    print(
        f"supervisor: {sizes[first]:.0f} MB after trial {first}, {sizes[last]:.0f} MB after trial {last}, "
        f"most {max(sizes.values()):.0f} MB: {(sizes[last] - sizes[first]) / (last - first):.2f} MB a trial"
    )
    print("  " + ", ".join(f"{count}: {size:.0f}" for count, size in sorted(sizes.items())))


def start(words: list[str]) -> subprocess.Popen:
    """A command in a process group of its own."""
    return subprocess.Popen(
        [sys.executable, "-m", "tfpipelines", *words],
        env=QUIET,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def events(folder: Path) -> list:
    """Those of a search so far."""
    try:
        return state_of(folder)["events"]
    except (OSError, ValueError):
        return []


def kills(peers: Path, rounds: int) -> None:
    """Each search must end after `tfpipe resume`, with each trial begun once and ended once."""
    draw, sound = random.Random(0), 0
    for number in range(20):
        victim, count = ("worker", "supervisor", "all")[number % 3], 1 + number % 2
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name) / "search"
            process = start(
                [
                    "tune",
                    "image-cls",
                    "--out",
                    name,
                    "--name",
                    "search",
                    *SMALL,
                    "train.epochs=4",
                    "search.trials=6",
                    "--workers",
                    str(count),
                ]
            )
            while not folder.exists():
                time.sleep(0.05)
            moment = draw.uniform(0, 30)
            time.sleep(moment)
            killed = kill(process, victim, draw)
            _, said = process.communicate()
            resumed = 0
            while json.loads((folder / "status.json").read_text())["state"] != "done" and resumed < 3:
                resumed += 1
                subprocess.run(
                    [sys.executable, "-m", "tfpipelines", "resume", str(folder)],
                    env=QUIET,
                    capture_output=True,
                    check=False,
                )
            state = state_of(folder)
            numbers = list(range(1, 7))
            told = {
                kind: sorted(number for event, number in state["events"] if event == kind) for kind in ("start", "end")
            }
            table = (folder / "leaderboard.csv").read_text().splitlines()
            right = (
                told == {"start": numbers, "end": numbers}
                and len(table) == 7
                and all(trial["status"] == "completed" for trial in state["trials"])
            )
            sound += right
            print(
                f"  {number + 1:>2}: {victim} ({killed}) after {moment:.1f} s, {count} at work, resumed "
                f"{resumed} times: {'each trial once' if right else f'WRONG: {told} {said[-300:]}'}",
                flush=True,
            )
    print(f"{sound} of 20 searches ended with each trial counted once")


def kill(process: subprocess.Popen, victim: str, draw: random.Random) -> str:
    """Kills a worker, the supervisor alone or all processes of a search; what was killed."""
    below, own = [], []
    while process.poll() is None and not own:  # workers are children of the server that forks them
        try:
            below = psutil.Process(process.pid).children(recursive=True)
            own = [child for child in below if child.ppid() != process.pid]
        except psutil.Error:
            continue
        if victim != "worker":
            break
    if process.poll() is not None:
        return "too late"
    if victim == "worker":
        draw.choice(own).kill()
        return f"one of {len(own)}"
    if victim == "supervisor":
        process.kill()
        return "alone"
    os.killpg(process.pid, signal.SIGKILL)
    return f"{1 + len(below)} processes"


def peers_beside(peers: Path, rounds: int) -> None:
    """The same trials, chosen by each of them; the training is that of the package, without a search of its own,
    for the peers.
    """
    curves: dict[str, list[list[tuple[int, float]]]] = {
        "tfpipe tune, bayesian": [],
        "KerasTuner, Bayesian": [],
        "Optuna, TPE and median pruning": [],
    }
    with tempfile.TemporaryDirectory() as name:
        for seed in range(5):
            _, folder = search("image-cls", Path(name), *SAME, f"seed={seed}", "search.trials=20")
            trials = state_of(folder)["trials"]
            curves["tfpipe tune, bayesian"].append(
                list(zip(accumulate(trial["spent"] for trial in trials), best_so_far({"trials": trials})))
            )
            for title, peer in (("KerasTuner, Bayesian", "keras_tuner"), ("Optuna, TPE and median pruning", "optuna")):
                _, out = timed(
                    [
                        sys.executable,
                        str(Path(__file__).resolve().parent / "peers" / "tune_peers.py"),
                        peer,
                        str(seed),
                        "20",
                        *SAME,
                    ]
                )
                curves[title].append([tuple(pair) for pair in json.loads(out.splitlines()[-1])])
            Path("tune_peers.json").write_text(json.dumps(curves))
            print(
                f"  seed {seed}: "
                + "; ".join(
                    f"{title} {curve[-1][-1][1]:.4f} in {curve[-1][-1][0]} epochs" for title, curve in curves.items()
                ),
                flush=True,
            )
    budgets = (20, 40, 60, 80, 120, 160)
    print(f"best validation accuracy by epochs spent, mean of seeds 0 to 4 (range): {budgets}")
    for title, some in curves.items():
        cells = []
        for budget in budgets:
            values = [max((best for spent, best in curve if spent <= budget), default=float("nan")) for curve in some]
            cells.append(f"{statistics.mean(values):.4f} ({min(values):.4f} to {max(values):.4f})")
        print(f"  {title:<32} " + "  ".join(cells))
    picture(curves)


def picture(curves: dict[str, list[list[tuple[int, float]]]]) -> None:
    """Error of the best so far by epochs, a line for the mean and one for each seed."""
    from matplotlib.figure import Figure

    figure = Figure((8, 4.5), layout="constrained")
    axis = figure.subplots()
    budgets = range(8, 161, 2)
    for number, (title, some) in enumerate(curves.items()):
        lines = [
            [1 - max((best for spent, best in curve if spent <= budget), default=0.1) for budget in budgets]
            for curve in some
        ]
        for line in lines:
            axis.step(budgets, line, where="post", color=f"C{number}", linewidth=0.6, alpha=0.35)
        axis.step(
            budgets,
            [statistics.mean(values) for values in zip(*lines)],
            where="post",
            color=f"C{number}",
            linewidth=2.2,
            label=title,
        )
    axis.set(
        xlabel="epochs of all trials so far",
        ylabel="1 - best validation accuracy",
        yscale="log",
        title="digits, MLP, seeds 0 to 4: thin, their mean: thick",
    )
    axis.legend(frameon=False)
    axis.grid(alpha=0.25, which="both")
    figure.savefig("tune_peers.png", dpi=120)


if __name__ == "__main__":
    main(
        __doc__,
        {"poor": poor, "workers": workers, "cluster": cluster, "memory": memory, "kills": kills, "peers": peers_beside},
    )
