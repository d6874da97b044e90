"""Training on one GPU beside the same networks in PyTorch, and what else must hold there.

    KERAS_BACKEND=jax python benchmarks/gpu.py       6 minutes at most (--minutes), each row printed when it is known
    python benchmarks/gpu.py --small                 tiny sizes, on a CPU: whether all of it runs
    python benchmarks/gpu.py --parts dcgan search    only these

Five networks: milliseconds of a training step, the median of the epochs after the first, without validation and
augmentation. PyTorch (`peers/gpu_torch.py`) trains on the very batches that ours was given, all of them on the device
before the first step; the ratio is to the better one of eager and torch.compile. `data`: what making a batch takes;
`alone`: a step on batches that are on the device already; `use`: share of the time in which a kernel ran (nvidia-smi).
Then two runs with train.deterministic=true, one of them killed and resumed, weight by weight; the proof of the exports
of the other one, on the CPU; a search with two trials at a time. No network, no installed tfpipelines is needed.
"""

import argparse
import csv
import importlib.util
import io
import json
import os
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import threading
import time
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parents[1]
FINETUNE = ["data.folds=null", "data.augment={}", "train.head_epochs=0", "train.layer_decay=1"]
TEXTS = ["model.name=bilstm", "model.word_dropout=0", "model.spatial_dropout=0"]
SPEED = {  # pipeline, overrides, overrides of --small
    "image-cls": ("image-cls", ["data.augment={}"], ["data.limit=80"]),
    "text-cls": ("text-cls", TEXTS, ["data.limit=80"]),
    "finetune": ("backbone", FINETUNE, ["data.limit=16", "data.size=64", "model.unfreeze=2"]),
    "anomaly": ("anomaly", ["model.name=conv"], ["data.size=32", "data.limit=40"]),
    "dcgan": ("dcgan", ["train.r1=0", "train.steps_per_epoch=100"], ["data.limit=80", "train.steps_per_epoch=2"]),
}
SAME = ["train.ema=null", "train.clip_norm=null", "train.schedule=constant", "train.warmup_epochs=0"]
SAME += ["train.precision=auto"]
FORMATS, ALLOWED = ("saved_model", "litert", "onnx"), 1e-4
LIMITS = {"ours": 60, "peer": 60, "resume": 80, "export": 60, "search": 80}  # seconds
RESERVED = 0.35  # share of the time that the networks leave to the other parts
COLUMNS = "network | steps, batch | ours, ms | PyTorch, ms | ratio | precision | use: ours, PyTorch | "
COLUMNS += "peak MiB: ours, PyTorch | data, ms | alone, ms | where batches are"


class Bench:
    """The folder, the deadline and the processes of one call."""

    def __init__(self, folder: Path, small: bool, minutes: float, more: bool):
        self.folder, self.small, self.use = folder, small, Use()
        self.end = time.monotonic() + 60 * minutes
        self.networks_end = self.end - RESERVED * 60 * minutes * more
        more = {
            "TF_CPP_MIN_LOG_LEVEL": "3",
            "XLA_PYTHON_CLIENT_PREALLOCATE": "false",
            "TFPIPE_CACHE": f"{folder}/cache",
        }
        path = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH", "")]))
        self.environment = {**os.environ, **more, "PYTHONPATH": path}

    def start(self, *words: str, name: str, **environment: str) -> subprocess.Popen:
        """A Python process whose output goes into two files of that name; `-m tfpipelines` is the command."""
        settings = {"cwd": self.folder, "env": {**self.environment, **environment}, "start_new_session": True}
        with open(self.folder / f"{name}.out", "w") as out, open(self.folder / f"{name}.err", "w") as err:
            return subprocess.Popen([sys.executable, *words], stdout=out, stderr=err, **settings)

    def until(self, part: str) -> float:
        """When a part must be done, on the monotonic clock."""
        end = self.networks_end if part in ("ours", "peer") else self.end
        return min(time.monotonic() + LIMITS[part] * (8 if self.small else 1), end)

    def wait(self, process: subprocess.Popen, name: str, until: float) -> str:
        """What a process has printed; RuntimeError with its last lines where it failed or took too long."""
        try:
            code = process.wait(max(1.0, until - time.monotonic()))
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            raise RuntimeError("its time was up") from None
        if code:
            lines = (self.folder / f"{name}.err").read_text(errors="replace").strip().splitlines()
            raise RuntimeError(f"exit code {code}: " + " ".join(lines[-2:])[-300:])
        return (self.folder / f"{name}.out").read_text()


class Use:
    """Share of time in which a kernel ran, by nvidia-smi where there is one."""

    def __init__(self):
        self.samples: list[tuple[float, float]] = []
        self.program, self.process = shutil.which("nvidia-smi"), None
        if self.program:
            query = ["-i", "0", "--query-gpu=utilization.gpu", "--format=csv,noheader,nounits", "-lms", "100"]
            self.process = subprocess.Popen([self.program, *query], stdout=subprocess.PIPE, text=True)
            threading.Thread(target=self._read, daemon=True).start()

    def _read(self) -> None:
        for line in self.process.stdout:
            if line.strip().isdigit():
                self.samples.append((time.time(), float(line)))

    def between(self, facts: dict) -> str:
        """The mean of the time that a process has timed."""
        found = [share for when, share in self.samples if facts and facts["began"] <= when <= facts["ended"]]
        return f"{statistics.mean(found):.0f} %" if found else ""


# --- a process of ours
def measure(part: str, folder: Path, small: bool) -> None:
    """Trains a network for some seconds as a run does; leaves its facts and the batches of an epoch in the folder."""
    import keras

    import tfpipelines
    from tfpipelines import training
    from tfpipelines.core import config

    class Enough(Exception):
        pass

    class Timer(keras.callbacks.Callback):
        def __init__(self):
            super().__init__()
            self.seconds = []

        def on_epoch_begin(self, epoch, logs=None):
            self.began = time.perf_counter()
            if epoch == 1:
                facts["began"] = time.time()

        def on_train_batch_end(self, batch, logs=None):
            for value in logs.values():
                float(value)  # waits for the device, as a run does, which looks whether a loss is NaN
            self.ended = time.perf_counter()

        def on_epoch_end(self, epoch, logs=None):
            self.seconds.append(self.ended - self.began)
            if epoch >= (1 if small else 3) and sum(self.seconds[1:]) > (0.2 if small else 3.0):
                raise Enough

    class Watch(tfpipelines.Observer):
        def started(self, folder, pipeline):
            facts["model"] = config.as_dict(pipeline)["model"]
            facts["label_smoothing"] = getattr(pipeline.train, "label_smoothing", 0.0)

        def environment(self, told):
            facts["where"] = f"{told['device']}; " + ", ".join(" ".join(pair) for pair in told["versions"].items())

        def data(self, told):
            facts["cache"] = told.get("cache", "memory")

    def timed(model, batches, validation, *, steps_per_epoch, **rest):
        arrays, times, timer = [], [], Timer()
        for batch in batches(0, steps_per_epoch):
            arrays.append(keras.tree.map_structure(np.asarray, batch))
            times.append(time.perf_counter())
        flat = [keras.tree.flatten(batch) for batch in arrays]
        named = {f"{k:05d}-{place}": array for k, batch in enumerate(flat) for place, array in enumerate(batch)}
        np.savez(folder / "batches.npz", **named)
        size = lambda weights: sum(int(np.prod(weight.shape)) for weight in weights)
        layers = [layer for layer in model._flatten_layers() if layer.trainable_weights]
        facts.update(
            data=(times[-1] - times[0]) / max(1, len(times) - 1),
            parameters=size(model.weights),
            trained=size(model.trainable_weights),
            shapes=[list(weight.shape) for weight in model.weights],
            precision="bfloat16" if any(layer.compute_dtype == "bfloat16" for layer in layers) else "float32",
            steps=steps_per_epoch,
            batch=int(flat[0][0].shape[0]),
            together=model.steps_per_execution,
        )
        rest |= {"epochs": 10_000, "callbacks": [timer], "checkpoint_seconds": 1e9}
        try:
            fit(model, batches, None, steps_per_epoch=steps_per_epoch, **rest)
        except Enough:
            facts.update(ended=time.time(), step=statistics.median(timer.seconds[1:]) / steps_per_epoch)
        facts.update(peak=peak_memory(), alone=step_alone(model, arrays))
        raise Enough

    facts: dict = {}
    fit, training.fit = training.fit, timed
    pipeline, overrides, tiny = SPEED[part]
    overrides = [*overrides, *SAME, *([*tiny, "train.batch_size=8"] if small else [])]
    try:
        path = str(ROOT / "pipelines" / f"{pipeline}.yaml")
        tfpipelines.run(path, overrides, out=folder / "runs", observer=Watch())
    except Enough:
        (folder / "facts.json").write_text(json.dumps(facts))


def peak_memory() -> int | None:
    """Bytes of the device that were in use at most; None on a CPU."""
    import keras
    import tensorflow as tf

    if keras.backend.backend() == "jax":
        import jax

        return (jax.devices()[0].memory_stats() or {}).get("peak_bytes_in_use")
    return tf.config.experimental.get_memory_info("GPU:0")["peak"] if tf.config.list_logical_devices("GPU") else None


def step_alone(model, arrays: list) -> float:
    """Seconds of a step on batches that are on the device already, without callbacks; the median of three rounds."""
    import keras
    import tensorflow as tf

    on_jax, state, times = keras.backend.backend() == "jax", None, []
    if on_jax:
        import jax

        kinds = ("trainable", "non_trainable", "optimizer", "metrics")
        state = model._get_jax_state(**{f"{kind}_variables": True for kind in kinds})
        batches = jax.device_put(arrays)
    else:
        batches = keras.tree.map_structure(tf.constant, arrays)
        step = tf.function(model.train_step, reduce_retracing=True, jit_compile=model.jit_compile)
    for _ in range(4):
        began, left = time.perf_counter(), iter(batches)
        if on_jax:  # the function that `fit` has compiled
            for _ in range(len(batches) // model.steps_per_execution):
                logs, state = model.train_function(state, left)
        else:
            for batch in left:
                logs = step(batch)
        float(next(iter(logs.values())))
        times.append(time.perf_counter() - began)
    return statistics.median(times[1:]) / len(arrays)


# --- the parts
def speed(bench: Bench, part: str) -> None:
    """A row of the table."""
    folder, small = bench.folder / part, ["--small"] if bench.small else []
    folder.mkdir()
    process = bench.start(__file__, "--ours", part, "--folder", str(folder), *small, name=f"{part}-ours")
    bench.wait(process, f"{part}-ours", bench.until("ours"))
    ours, name, trouble = json.loads((folder / "facts.json").read_text()), f"{part}-peer", []
    peer = str(ROOT / "benchmarks" / "peers" / "gpu_torch.py")
    found = []
    if importlib.util.find_spec("torch") is not None:
        process = bench.start(peer, part, str(folder), "0.2" if bench.small else "3", name=name)
        try:
            bench.wait(process, name, bench.until("peer"))
        except RuntimeError as error:
            trouble.append(str(error))
        lines = (bench.folder / f"{name}.out").read_text().splitlines()
        found = [json.loads(line) for line in lines if line[:1] == "{"]
    peers, trouble = (
        [one for one in found if "step" in one],
        [one["error"] for one in found if "error" in one] + trouble,
    )
    best = min(peers, key=lambda one: one["step"], default={})
    ms, mib = lambda seconds: f"{1000 * seconds:.3f}", lambda size: f"{size / 2**20:.0f}" if size else ""
    row = [part, f"{ours['steps']}, {ours['batch']}", ms(ours["step"])]
    row += ["; ".join(f"{one['kind']} {ms(one['step'])}" for one in peers)]
    row += [f"{ours['step'] / best['step']:.2f}" if best else "", ours["precision"]]
    pair = lambda one, other: f"{one}, {other}".strip(", ")
    row += [pair(bench.use.between(ours), bench.use.between(best)), pair(mib(ours["peak"]), mib(best.get("peak")))]
    row += [ms(ours["data"]), ms(ours["alone"])]
    row += [f"{ours['cache']} of the host, prefetched; {ours['together']} steps between two looks at the loss"]
    print("| " + " | ".join(row) + " |", *(f"PyTorch, {part}: {text}" for text in trouble), sep="\n", flush=True)
    if part == "image-cls":
        print(ours["where"], flush=True)


def resume(bench: Bench) -> None:
    """A run killed and resumed beside one that was not."""
    epochs, until, runs = (8 if bench.small else 40), bench.until("resume"), bench.folder / "runs"
    words = ["-m", "tfpipelines", "run", str(ROOT / "pipelines" / "image-cls.yaml"), f"train.epochs={epochs}"]
    words += ["train.deterministic=true", "train.checkpoint_steps=7", "--out", str(runs)]
    words += ["data.limit=200", "model.filters=[8,16,16]"] if bench.small else []
    whole, killed = (bench.start(*words, "--name", name, name=name) for name in ("whole", "killed"))
    history = runs / "killed" / "history.csv"
    while rows_of(history) < 2 and killed.poll() is None and time.monotonic() < until:
        time.sleep(0.002)
    os.killpg(killed.pid, signal.SIGKILL)
    if killed.wait() != -signal.SIGKILL or not 0 < (done := rows_of(history)) < epochs:
        raise RuntimeError(f"the run could not be killed midway: {rows_of(history)} of {epochs} epochs were done")
    again = bench.start("-m", "tfpipelines", "resume", str(runs / "killed"), name="resumed")
    bench.wait(again, "resumed", until)
    bench.wait(whole, "whole", until)
    one, other = (weights_of(runs / name / "model.keras") for name in ("whole", "killed"))
    wrong = [name for name in one if one[name].tobytes() != other[name].tobytes()]
    said = f"{len(wrong)} of {len(one)} arrays DIFFER" if wrong else f"all {len(one)} arrays are equal bit for bit"
    print(f"killed after epoch {done} of {epochs} and resumed: {said}", flush=True)


def rows_of(path: Path) -> int:
    """Epochs in a history.csv that may not be there yet."""
    if not path.is_file():
        return 0
    with open(path, newline="") as file:
        return len(list(csv.reader(file))) - 1


def weights_of(path: Path) -> dict[str, np.ndarray]:
    """Name -> array, of a model file."""
    import h5py

    found: dict[str, np.ndarray] = {}
    with zipfile.ZipFile(path) as archive, h5py.File(io.BytesIO(archive.read("model.weights.h5"))) as file:
        file.visititems(lambda name, item: found.update({name: item[()]} if isinstance(item, h5py.Dataset) else {}))
    return found


def export(bench: Bench) -> Callable[[], None]:
    """Begins the exports of the run that was not killed; what is called then prints the proofs."""
    begun, until, on_cpu = {}, bench.until("export"), {"KERAS_BACKEND": "tensorflow", "CUDA_VISIBLE_DEVICES": "-1"}
    for format in FORMATS:  # with a wide tolerance: the largest difference is to be told, be it too large
        words = ["-m", "tfpipelines", "export", str(bench.folder / "runs" / "whole"), "--format", format, "--json"]
        words += ["--tolerance", "1", "--out", str(bench.folder / format)]
        begun[format] = bench.start(*words, name=f"export-{format}", **on_cpu)

    def tell() -> None:
        for format, process in begun.items():
            try:
                proof = json.loads(bench.wait(process, f"export-{format}", until))["proof"]
                largest, count = proof["largest_difference"], proof["samples"]
                verdict = "proven" if largest <= ALLOWED else "REFUSED without --tolerance"
                print(f"export {format}: {verdict}, largest difference {largest:.1e}, {count} samples", flush=True)
            except RuntimeError as error:
                print(f"export {format}: FAILED: {error}", flush=True)

    return tell


def search(bench: Bench) -> None:
    """Four trials, two at a time."""
    words = ["-m", "tfpipelines", "tune", str(ROOT / "pipelines" / "image-cls.yaml"), "search.trials=4"]
    words += [
        "train.epochs=2",
        "search.final_seeds=[]",
        "--workers",
        "2",
        "--out",
        str(bench.folder),
        "--name",
        "search",
    ]
    words += ["search.space={train.learning_rate: {min: 1.0e-4, max: 1.0e-2, scale: log}}"]
    words += ["data.limit=200", "model.filters=[8,16,16]"] if bench.small else []
    began = time.monotonic()
    bench.wait(bench.start(*words, name="search-process"), "search-process", bench.until("search"))
    files = list((bench.folder / "search").glob("trials/*/status.json"))
    done = sum(json.loads(path.read_text())["state"] == "done" for path in files)
    seconds = time.monotonic() - began
    print(f"search, two trials at a time: {done} of {len(files)} trials done in {seconds:.0f} s", flush=True)


def guarded(name: str, bench: Bench, part: Callable, *arguments):
    """Carries a part out; what goes wrong is its row."""
    try:
        if time.monotonic() > bench.end:
            raise RuntimeError("not begun, the time is up")
        return part(bench, *arguments)
    except Exception as error:
        print(f"{name}: FAILED: {type(error).__name__}: {error}", flush=True)
        return None


def main() -> None:
    """Reads the command line."""
    others = {"resume": resume, "export": export, "search": search}
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--parts", nargs="+", choices=[*SPEED, *others], default=[*SPEED, *others])
    parser.add_argument("--small", action="store_true")
    parser.add_argument("--minutes", type=float, help="in all; default: 6, with --small 60")
    parser.add_argument("--ours", help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.ours:
        return measure(arguments.ours, arguments.folder, arguments.small)
    with tempfile.TemporaryDirectory() as name:
        asked = others.keys() & {*arguments.parts}
        bench = Bench(Path(name), arguments.small, arguments.minutes or (60 if arguments.small else 6), bool(asked))
        if bench.use.program:
            query = [bench.use.program, "--query-gpu=name,driver_version,memory.total", "--format=csv,noheader"]
            print(subprocess.run(query, capture_output=True, text=True, check=False).stdout.strip(), flush=True)
        if importlib.util.find_spec("torch") is None:
            print("PyTorch is not installed: its columns stay empty.")
        print(f"| {COLUMNS} |\n|" + "---|" * (COLUMNS.count("|") + 1), flush=True)
        for part in (part for part in SPEED if part in arguments.parts):
            guarded(part, bench, speed, part)
        told = None
        if {"resume", "export"} & {*arguments.parts}:
            guarded("resume", bench, resume)
        if "export" in arguments.parts:
            told = guarded("export", bench, export)
        if "search" in arguments.parts:
            guarded("search", bench, search)
        if told is not None:
            told()
        if bench.use.process is not None:
            bench.use.process.terminate()


if __name__ == "__main__":
    main()
