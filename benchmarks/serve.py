"""How much `tfpipe serve` costs beside the bare runtime: throughput at 16 requests at a time, and the time of one.

    python benchmarks/serve.py [EXPORT] [--seconds 4] [--rounds 3] [--peer PYTHON]

EXPORT is one of images as ONNX with proof samples, such as runs/image-cls-1/export/onnx/1; they are what is asked for,
as PNG. Without it one is made: four convolutions with random weights, for images of 96 x 96 pixels. The client is
pinned to one core, all processes of a server to another; each in turn, `--rounds` times; figures are medians over the
rounds. Beside the clock, which other processes of the machine disturb, is the CPU time of all of a server's processes
for each request at 16 at a time: on one core the throughput is its inverse.

Compared are: calls of the bare runtime with arrays that are ready, 16 together and one by one; the same with decoding,
as any server must; `tfpipe serve`; and, with --peer (a Python that has fastapi, uvicorn, onnxruntime and pillow), a
naive script (peers/naive_fastapi.py).
"""

import argparse
import asyncio
import base64
import io
import json
import os
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager
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
told = {"bare": lambda count: call(many[:count]),
        "bare_and_decoding": lambda count: call([read(one) for one in (contents * 16)[:count]])}
found = {}
for name, of in told.items():
    (many_times, cpu), (times, _) = timed(lambda: of(16)), timed(lambda: of(1))
    found[name] = [16 * len(many_times) / sum(many_times), cpu / 16, statistics.median(times)]
print(json.dumps(found))
"""


def bare(folder: Path, samples: list[str], seconds: float) -> dict[str, list[float]]:
    """Name -> samples a second at 16 together, CPU seconds of each then, and the median seconds of one alone."""
    code = _BARE.replace("{core}", str({SERVER}))
    command = [sys.executable, "-c", code, str(folder), str(seconds)]
    done = subprocess.run(command, input=json.dumps(samples), capture_output=True, text=True, check=True)
    return json.loads(done.stdout)


@contextmanager
def server(command: list[str], port: int):
    """A server in processes of its own, once it is ready."""
    pin = lambda: os.sched_setaffinity(0, {SERVER})
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, preexec_fn=pin)
    try:
        for _ in range(600):
            try:
                with socket.create_connection(("127.0.0.1", port), 1) as connection:
                    connection.sendall(b"GET /readyz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
                    if b" 200 " in connection.recv(100):
                        break
            except OSError:
                pass
            time.sleep(0.1)
        else:
            raise SystemExit(f"not ready: {' '.join(command)}")
        yield process.pid
    finally:
        process.terminate()
        process.wait(30)


async def asked(port: int, contents: list[bytes], clients: int, seconds: float) -> list[float]:
    """The times of requests, of so many clients at once, each with a connection that is kept."""
    requests = [
        b"POST /v1/predict HTTP/1.1\r\nHost: localhost\r\nContent-Type: image/png\r\nContent-Length: %d\r\n\r\n%b"
        % (len(content), content)
        for content in contents
    ]
    times: list[float] = []
    end = time.perf_counter() + seconds

    async def client(first: int) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        number = first
        while time.perf_counter() < end:
            began = time.perf_counter()
            writer.write(requests[number % len(requests)])
            head = (await reader.readuntil(b"\r\n\r\n")).lower()
            assert b" 200 " in head, head
            await reader.readexactly(int(head.partition(b"content-length: ")[2].split(b"\r")[0]))
            times.append(time.perf_counter() - began)
            number += clients
        writer.close()

    await asyncio.gather(*(client(number) for number in range(clients)))
    return times


def measured(command: list[str], port: int, samples: list[str], seconds: float) -> list[float]:
    """The same as `bare`, of a server."""
    contents = [base64.b64decode(sample) for sample in samples]
    with server(command, port) as process:
        asyncio.run(asked(port, contents, TOGETHER, 0.5))
        began, cpu = time.perf_counter(), _cpu(process)
        count = len(asyncio.run(asked(port, contents, TOGETHER, seconds)))
        together, each = count / (time.perf_counter() - began), (_cpu(process) - cpu) / count
        return [together, each, statistics.median(asyncio.run(asked(port, contents, 1, seconds)))]


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


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("export", type=Path, nargs="?")
    parser.add_argument("--seconds", type=float, default=4)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--peer", metavar="PYTHON")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        compare(options.export.resolve() if options.export else made_export(Path(temporary) / "made" / "1"), options)


def compare(folder: Path, options: argparse.Namespace) -> None:
    """Prints the table."""
    file = next(path for path in (folder / KEPT, beside(folder)) if path.is_file())
    samples = [sample["input"] for sample in json.loads(file.read_text())["samples"]]
    os.sched_setaffinity(0, {CLIENT})
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    commands = {"tfpipe serve": [sys.executable, "-m", "tfpipelines", "serve", str(folder), "--port", str(port)]}
    if options.peer:
        script = Path(__file__).parent / "peers" / "naive_fastapi.py"
        commands["naive FastAPI"] = [options.peer, str(script), str(folder), str(port)]
    found: dict[str, list[list[float]]] = {}
    for _ in range(options.rounds):
        for name, figures in bare(folder, samples, options.seconds / 4).items():
            found.setdefault(name, []).append(figures)
        for name, command in commands.items():
            found.setdefault(name, []).append(measured(command, port, samples, options.seconds))
    print(f"{'':20} {'a second at 16':>15} {'CPU ms each':>12} {'ms alone':>9}   (beside bare and decoding)")
    medians = {name: [statistics.median(values) for values in zip(*rounds)] for name, rounds in found.items()}
    rate, work, time_alone = medians["bare_and_decoding"]
    for name, (together, each, alone) in medians.items():
        shares = f"rate {together / rate:.2f}, by CPU time {work / each:.2f}; alone {alone / time_alone:.2f} times"
        print(f"{name:20} {together:15.0f} {1000 * each:12.2f} {1000 * alone:9.2f}   {shares}")


if __name__ == "__main__":
    main()
