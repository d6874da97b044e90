"""How much `tfpipe serve` costs beside the bare runtime: throughput at 16 requests at a time, and the time of one.

    python benchmarks/serve.py [EXPORT] [--seconds 4] [--rounds 3] [--peer NAME=PYTHON]...
    python benchmarks/serve.py [EXPORT] --soak 600
    python benchmarks/serve.py [EXPORT] --ready

EXPORT is one of images as ONNX with proof samples, such as runs/image-cls-1/export/onnx/1; they are what is asked for,
as PNG. Without it one is made: four convolutions with random weights, for images of 96 x 96 pixels. The client is
pinned to one core, all processes of a server to another, and so is the bare loop; each in turn, `--rounds` times;
figures are medians over the rounds. Beside the clock, which other processes of the machine disturb, is the CPU time of
all of a server's processes for each request: on one core the throughput is its inverse.

Compared are

- `bare`: a loop that takes the files' bytes, decodes and resizes them as `tfpipe serve` does, and calls ONNX Runtime
  with 16 of them, or with one: what any server has to do. A server's share of its rate is what counts.
- `runtime`: the same loop without decoding.
- `tfpipe serve`, which is asked with the files as they are.
- peers, where their packages are installed in the Python given (default: this one): `fastapi` (peers/naive_fastapi.py:
  one image at a time, no limits), `litserve` and `bentoml` (with their batching, images as base64 in JSON).

`--soak` asks for that many seconds 1.5 times as much as the server has answered before, whatever it answers, and tells
the statuses, the times of what was answered with 200, and how much memory all processes of the server have taken.
`--ready` tells the time from the start to ready, and the CPU time of all processes until then.
"""

import argparse
import asyncio
import base64
import io
import json
import os
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager, suppress
from pathlib import Path

import numpy as np
import psutil
from PIL import Image

from tfpipelines.core.files import file_hash
from tfpipelines.exporting.kept_samples import KEPT, beside

TOGETHER = 16
CLIENT, SERVER = 0, 1  # cores
_BARE = """
import base64, json, os, statistics, sys, time
os.sched_setaffinity(0, {core})
import numpy as np, onnxruntime
from tfpipelines.datasets.decoding import decode_image
from tfpipelines.serve.resizing import resized
folder, samples, seconds = sys.argv[1], json.loads(sys.stdin.read()), float(sys.argv[2])
steps = json.load(open(folder + "/manifest.json"))["serving"]
options = onnxruntime.SessionOptions()
options.intra_op_num_threads = 1
session = onnxruntime.InferenceSession(folder + "/model.onnx", options)
contents = [base64.b64decode(sample) for sample in samples]
read = lambda content: resized(decode_image(content, steps["channels"], steps["background"]), steps)
call = lambda arrays: session.run(None, {"image": np.stack(arrays)})
def timed(one):
    one(), one()
    times, end, cpu = [], time.perf_counter() + seconds, time.process_time()
    while time.perf_counter() < end:
        began = time.perf_counter()
        one()
        times.append(time.perf_counter() - began)
    return times, (time.process_time() - cpu) / len(times)
arrays = [read(content) for content in contents]
many = (arrays * 16)[:16]
told = {"bare": lambda count: call([read(one) for one in (contents * 16)[:count]]),
        "runtime": lambda count: call(many[:count])}
found = {}
for name, of in told.items():
    (many_times, cpu), (times, cpu_alone) = timed(lambda: of(16)), timed(lambda: of(1))
    found[name] = [16 * len(many_times) / sum(many_times), cpu / 16, statistics.median(times), cpu_alone]
print(json.dumps(found))
"""


def bare(folder: Path, samples: list[str], seconds: float) -> dict[str, list[float]]:
    """Name -> samples a second at 16 together, CPU seconds of each then, the median seconds of one alone, and its CPU
    seconds."""
    code = _BARE.replace("{core}", str({SERVER}))
    command = [sys.executable, "-c", code, str(folder), str(seconds)]
    done = subprocess.run(command, input=json.dumps(samples), capture_output=True, text=True, check=True)
    return json.loads(done.stdout)


@contextmanager
def server(command: list[str], port: int):
    """A server in processes of its own, once it is ready."""
    pin = lambda: os.sched_setaffinity(0, {SERVER})
    nowhere = subprocess.DEVNULL
    process = subprocess.Popen(command, stdout=nowhere, stderr=nowhere, preexec_fn=pin, start_new_session=True)
    try:
        for _ in range(3000):
            try:
                with socket.create_connection(("127.0.0.1", port), 1) as connection:
                    connection.sendall(b"GET /readyz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
                    if b" 200 " in connection.recv(100):
                        break
            except OSError:
                pass
            time.sleep(0.02)
        else:
            raise SystemExit(f"not ready: {' '.join(command)}")
        yield process.pid
    finally:
        process.terminate()
        process.wait(30)
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)  # some leave processes behind that listen on


def raw(content: bytes) -> bytes:
    """A request with a file as it is."""
    return _post("image/png", content)


def in_json(content: bytes) -> bytes:
    """As LitServe takes it."""
    return _post("application/json", json.dumps({"image": base64.b64encode(content).decode()}).encode())


def in_list(content: bytes) -> bytes:
    """As BentoML takes it."""
    return _post("application/json", json.dumps({"images": [base64.b64encode(content).decode()]}).encode())


def _post(kind: str, body: bytes) -> bytes:
    lines = ["POST /v1/predict HTTP/1.1", "Host: localhost", f"Content-Type: {kind}", f"Content-Length: {len(body)}"]
    return "\r\n".join([*lines, "", ""]).encode() + body


def _length(head: bytes) -> int:
    return int(head.lower().partition(b"content-length: ")[2].split(b"\r")[0])


class Client:
    """A connection that is kept."""

    async def open(self, port: int) -> "Client":
        self.reader, self.writer = await asyncio.open_connection("127.0.0.1", port)
        return self

    async def ask(self, request: bytes) -> int:
        """The status."""
        self.writer.write(request)
        head = await self.reader.readuntil(b"\r\n\r\n")
        await self.reader.readexactly(_length(head))
        return int(head[9:12])


async def asked(port: int, requests: list[bytes], clients: int, seconds: float) -> tuple[int, int]:
    """How many requests of so many clients at once have been answered with 200, and how many not."""
    counts, end = [0, 0], time.perf_counter() + seconds

    async def client(number: int) -> None:
        one = await Client().open(port)
        while time.perf_counter() < end:
            counts[await one.ask(requests[number % len(requests)]) != 200] += 1
            number += clients
        one.writer.close()

    await asyncio.gather(*(client(number) for number in range(clients)))
    return counts[0], counts[1]


def alone(port: int, requests: list[bytes], seconds: float) -> list[float]:
    """The times of requests while there is no other, of a client that takes next to none itself."""
    times: list[float] = []
    with socket.create_connection(("127.0.0.1", port)) as connection:
        end = time.perf_counter() + seconds
        while time.perf_counter() < end:
            began = time.perf_counter()
            connection.sendall(requests[len(times) % len(requests)])
            told = connection.recv(65_536)
            while b"\r\n\r\n" not in told or len(told) < told.index(b"\r\n\r\n") + 4 + _length(told):
                told += connection.recv(65_536)
            times.append(time.perf_counter() - began)
    return times


def measured(command: list[str], port: int, requests: list[bytes], seconds: float) -> list[float]:
    """The same as `bare`, of a server, and the share of requests that were not answered with 200."""
    with server(command, port) as process:
        asyncio.run(asked(port, requests, TOGETHER, 1))
        began, cpu = time.perf_counter(), _cpu(process)
        count, failed = asyncio.run(asked(port, requests, TOGETHER, seconds))
        together, each = count / (time.perf_counter() - began), (_cpu(process) - cpu) / max(count, 1)
        cpu = _cpu(process)
        times = alone(port, requests, seconds)
        alone_each = (_cpu(process) - cpu) / len(times)
        return [together, each, statistics.median(times), alone_each, failed / (count + failed)]


def _cpu(process: int) -> float:
    """CPU seconds of a process and those it has started."""
    whole = psutil.Process(process)
    return sum(sum(one.cpu_times()[:2]) for one in (whole, *whole.children(recursive=True)))


def made_export(folder: Path) -> Path:
    """Four convolutions with random weights."""
    from onnx import TensorProto, helper, numpy_helper

    folder.mkdir(parents=True)
    random = np.random.default_rng(0)
    nodes = [helper.make_node("Cast", ["image"], ["levels"], to=TensorProto.FLOAT),
             helper.make_node("Transpose", ["levels"], ["x0"], perm=[0, 3, 1, 2])]  # fmt: skip
    weights, channels = [], (3, 24, 48, 96, 96)
    for number, (before, after) in enumerate(zip(channels, channels[1:])):
        values = random.normal(0, (2 / (9 * before)) ** 0.5 / (255 if number == 0 else 1), (after, before, 3, 3))
        weights.append(numpy_helper.from_array(values.astype(np.float32), f"w{number}"))
        strides = [1, 1] if number == 0 else [2, 2]
        nodes.append(
            helper.make_node("Conv", [f"x{number}", f"w{number}"], [f"c{number}"], pads=[1] * 4, strides=strides)
        )
        nodes.append(helper.make_node("Relu", [f"c{number}"], [f"x{number + 1}"]))
    weights.append(numpy_helper.from_array(random.normal(0, 1, (96, 10)).astype(np.float32), "dense"))
    nodes += [
        helper.make_node("GlobalAveragePool", ["x4"], ["pooled"]),
        helper.make_node("Flatten", ["pooled"], ["flat"]),
        helper.make_node("MatMul", ["flat", "dense"], ["logits"]),
        helper.make_node("Softmax", ["logits"], ["probabilities"], axis=1),
    ]
    value = helper.make_tensor_value_info
    graph = helper.make_graph(
        nodes, "made", [value("image", TensorProto.UINT8, ["batch", 96, 96, 3])],
        [value("probabilities", TensorProto.FLOAT, ["batch", 10])], weights,
    )  # fmt: skip
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=10)
    (folder / "model.onnx").write_bytes(model.SerializeToString())
    import onnxruntime

    session = onnxruntime.InferenceSession(str(folder / "model.onnx"))
    samples = []
    for number in range(TOGETHER):
        coarse = Image.fromarray(random.integers(0, 256, (6, 6, 3), np.uint8)).resize((96, 96), Image.BICUBIC)
        coarse.save(buffer := io.BytesIO(), "PNG")
        (said,) = session.run(None, {"image": np.asarray(coarse)[None]})
        content = base64.b64encode(buffer.getvalue()).decode()
        samples.append({"item": str(number), "input": content, "answer": said[0].tolist()})
    (folder / KEPT).write_text(json.dumps({"samples": samples}))
    steps = {"takes": "image", "size": [96, 96], "channels": 3, "resize": "stretch", "filter": "bilinear"}
    steps |= {"antialias": True, "background": 255, "answer": "probabilities", "tolerance": 1e-4}
    manifest = {
        "format": "onnx", "file": "model.onnx", "task": "image-cls", "created": "now", "tfpipelines": "0", "proof": {},
        "run": {"name": "made"}, "signature": {"inputs": [{"name": "image"}], "outputs": []}, "multi_label": False,
        "classes": [str(number) for number in range(10)], "serving": steps,
        "files": {path.name: {"sha256": file_hash(path)} for path in sorted(folder.iterdir())},
    }  # fmt: skip
    (folder / "manifest.json").write_text(json.dumps(manifest))
    return folder


PEERS = {"fastapi": ("naive_fastapi.py", raw), "litserve": ("litserve_images.py", in_json),
         "bentoml": ("bentoml_images.py", in_list)}  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("export", type=Path, nargs="?")
    parser.add_argument("--seconds", type=float, default=4)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--peer", action="append", default=[], metavar="NAME=PYTHON", dest="peers")
    parser.add_argument("--soak", type=float, metavar="SECONDS")
    parser.add_argument("--ready", action="store_true")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = options.export.resolve() if options.export else made_export(Path(temporary) / "made" / "1")
        file = next(path for path in (folder / KEPT, beside(folder)) if path.is_file())
        samples = [sample["input"] for sample in json.loads(file.read_text())["samples"]]
        os.sched_setaffinity(0, {CLIENT})
        with socket.create_server(("127.0.0.1", 0)) as free:
            port = free.getsockname()[1]
        ours = [sys.executable, "-m", "tfpipelines", "serve", str(folder), "--port", str(port)]
        if options.soak:
            soak(ours, port, samples, options.soak)
        elif options.ready:
            ready(ours, port, options.rounds)
        else:
            compare(folder, ours, port, samples, options)


def compare(folder: Path, ours: list[str], port: int, samples: list[str], options: argparse.Namespace) -> None:
    """Prints the table."""
    contents = [base64.b64decode(sample) for sample in samples]
    servers = {"tfpipe serve": (ours, [raw(content) for content in contents])}
    for name, python in (peer.partition("=")[::2] for peer in options.peers):
        (script, form), python = PEERS[name], python or sys.executable
        tried = subprocess.run([python, "-c", f"import {name}, onnxruntime, PIL"], capture_output=True, check=False)
        if tried.returncode:
            print(f"{name} is not installed in {python}")
            continue
        command = [python, str(Path(__file__).parent / "peers" / script), str(folder), str(port)]
        servers[name] = command, [form(content) for content in contents]
    found: dict[str, list[list[float]]] = {}
    for _ in range(options.rounds):
        for name, figures in bare(folder, samples, options.seconds / 4).items():
            found.setdefault(name, []).append(figures)
        for name, (command, requests) in servers.items():
            found.setdefault(name, []).append(measured(command, port, requests, options.seconds))
    medians = {name: [statistics.median(values) for values in zip(*rounds)] for name, rounds in found.items()}
    print(f"{'':13} {'at 16: a second':>16} {'CPU ms':>7} {'alone: ms':>10} {'CPU ms':>7}   (beside bare)")
    rate, work, time_alone, work_alone = medians["bare"][:4]
    for name, (together, each, single, cpu, *failed) in medians.items():
        shares = f"at 16: rate {together / rate:.2f}, by CPU time {work / max(each, 1e-9):.2f}; "
        shares += f"alone: {single / time_alone:.2f} times, by CPU time {cpu / work_alone:.2f}"
        shares += f"; {failed[0]:.0%} failed" if any(failed) else ""
        print(f"{name:13} {together:16.0f} {1000 * each:7.2f} {1000 * single:10.2f} {1000 * cpu:7.2f}   {shares}")


def ready(command: list[str], port: int, rounds: int) -> None:
    """Prints how long it takes until the server is ready."""
    for _ in range(rounds):
        began = time.perf_counter()
        with server(command, port) as process:
            print(f"ready after {time.perf_counter() - began:.2f} s, CPU time {_cpu(process):.2f} s")


# --- more than can be answered
def soak(command: list[str], port: int, samples: list[str], seconds: float) -> None:
    """Prints what a server says when it is asked too much for a long time."""
    requests = [raw(base64.b64decode(sample)) for sample in samples]
    with server(command, port) as process:
        asyncio.run(asked(port, requests, TOGETHER, 2))
        capacity = asyncio.run(asked(port, requests, TOGETHER, 10))[0] / 10
        statuses, times, memory = asyncio.run(_soaked(process, port, requests, 1.5 * capacity, seconds))
    times.sort()
    told = ", ".join(f"{status}: {count}" for status, count in sorted(statuses.items()))
    print(f"asked for {1.5 * capacity:.0f} a second (1.5 times {capacity:.0f}) during {seconds:.0f} s")
    print(f"statuses: {told}")
    print(f"answered by 200: median {times[len(times) // 2]:.2f} s, 99 % {times[len(times) * 99 // 100]:.2f} s")
    begin, end = (statistics.median(some) / 1e6 for some in (_part(memory, 0.2, 0.25), _part(memory, 0.95, 1.0)))
    print(f"memory: {begin:.1f} MB after a fifth of the time, {end:.1f} MB at the end ({end / begin - 1:+.2%})")


async def _soaked(process: int, port: int, requests: list[bytes], rate: float, seconds: float):
    """Number of each status (0: no answer), the times of 200, and the memory of each second."""
    statuses: dict[int, int] = {}
    times: list[float] = []
    memory: list[float] = []
    free = asyncio.Queue[Client]()  # each is used now and then, or the server would close it
    for _ in range(95):  # the server takes 100
        free.put_nowait(await Client().open(port))
    running: set[asyncio.Task[None]] = set()

    async def one(client: Client, request: bytes) -> None:
        began = time.perf_counter()
        try:
            status = await client.ask(request)
        except (OSError, EOFError):
            status, client = 0, await Client().open(port)
        statuses[status] = statuses.get(status, 0) + 1
        if status == 200:
            times.append(time.perf_counter() - began)
        free.put_nowait(client)

    began, number = time.perf_counter(), 0
    while (now := time.perf_counter() - began) < seconds:
        if now >= len(memory):
            memory.append(_memory(process))
        while number < now * rate and not free.empty():
            task = asyncio.create_task(one(free.get_nowait(), requests[number % len(requests)]))
            running.add(task)
            task.add_done_callback(running.discard)
            number += 1
        number = max(number, int(now * rate) - 95)  # what could not be asked is not asked later
        await asyncio.sleep(0.002)
    await asyncio.gather(*running)
    return statuses, times, memory


def _memory(process: int) -> float:
    """Bytes that are of a process and those it has started alone."""
    whole = psutil.Process(process)
    return sum(one.memory_full_info().uss for one in (whole, *whole.children(recursive=True)))


def _part(values: list[float], begin: float, end: float) -> list[float]:
    return values[int(begin * len(values)) : max(int(end * len(values)), 1)]


if __name__ == "__main__":
    main()
