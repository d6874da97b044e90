"""Memory and time of large sets of shards, and that a killed run equals a whole one.

    python benchmarks/shards.py                                  # 200,000 pictures in 40 shards, 20 minutes on 2 cores
    python benchmarks/shards.py --records 20000 --kind TFRecord

Generated pictures (PNG, 16 x 16) are written as shards. Printed are CPU seconds and peak memory of `tfpipe check`, of a
run of two epochs without a cache of decoded images, of the same run killed in its second epoch, at a step that a
checkpoint does not know, and of its resumption; and whether weights and predictions of both are equal.
"""

import argparse
import hashlib
import io
import os
import shutil
import signal
import struct
import subprocess
import sys
import tarfile
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from PIL import Image

from tfpipelines.datasets.tfrecords import masked_crc

QUIET = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3"}
SIDE, CLASSES = 16, 10


def picture(number: int) -> bytes:
    """A PNG of noise with a bar whose place tells the class."""
    pixels = np.random.default_rng(number).integers(0, 160, (SIDE, SIDE, 3), dtype=np.uint8)
    pixels[number % CLASSES] += 90
    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, "PNG")
    return stream.getvalue()


def write_tar(path: Path, numbers: range) -> None:
    with tarfile.open(path.with_suffix(".tar"), "w") as archive:
        for number in numbers:
            for ending, content in (("png", picture(number)), ("cls", str(number % CLASSES).encode())):
                info = tarfile.TarInfo(f"{number:08d}.{ending}")
                info.size = len(content)
                archive.addfile(info, io.BytesIO(content))


def write_records(path: Path, numbers: range) -> None:
    import tensorflow as tf

    with open(path.with_suffix(".tfrecord"), "wb") as file:
        for number in numbers:
            image = tf.train.Feature(bytes_list=tf.train.BytesList(value=[picture(number)]))
            label = tf.train.Feature(int64_list=tf.train.Int64List(value=[number % CLASSES]))
            features = tf.train.Features(feature={"image/encoded": image, "image/class/label": label})
            content = tf.train.Example(features=features).SerializeToString()
            length = struct.pack("<Q", len(content))
            file.write(
                length + struct.pack("<I", masked_crc(length)) + content + struct.pack("<I", masked_crc(content))
            )


def write_parquet(path: Path, numbers: range) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    images = [{"bytes": picture(number), "path": f"{number}.png"} for number in numbers]
    table = pa.table({"image": images, "label": [number % CLASSES for number in numbers]})
    pq.write_table(table, path.with_suffix(".parquet"), row_group_size=100)


WRITERS: dict[str, Callable[[Path, range], None]] = {
    "WebDataset": write_tar,
    "TFRecord": write_records,
    "Parquet": write_parquet,
}


def measured(words: list[str], until: Callable[[], bool] | None = None) -> str:
    """CPU seconds and peak memory of a command, in words; it is killed as soon as `until` is true."""
    process = subprocess.Popen(
        [sys.executable, "-m", "tfpipelines", *words], env=QUIET, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
    )
    while until is not None and process.poll() is None:
        if until():
            process.send_signal(signal.SIGKILL)
            break
        time.sleep(0.01)
    told = process.stderr.read() if process.stderr and until is None else b""
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode != (0 if until is None else -signal.SIGKILL):
        sys.exit(f"{' '.join(words)}: exit code {process.returncode}\n{told.decode(errors='replace')}")
    return f"{usage.ru_utime + usage.ru_stime:7.1f} s CPU {usage.ru_maxrss / 2**20:6.2f} GB"


def state(run: Path) -> str:
    """A hash of the last checkpoint's arrays and of the predictions."""
    digest = hashlib.sha256((run / "predictions.csv").read_bytes())
    with np.load(sorted((run / "checkpoints").glob("*.npz"))[-1]) as archive:
        for name in sorted(archive.files):
            digest.update(archive[name].tobytes())
    return digest.hexdigest()


def main() -> None:
    """Measures one kind of shards."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--records", type=int, default=200_000)
    parser.add_argument("--shards", type=int, default=40)
    parser.add_argument("--kind", choices=list(WRITERS), default="WebDataset")
    parser.add_argument("--out", type=Path, help="a folder that stays; default: one that is removed")
    parser.add_argument("words", nargs="*", help="further words of tfpipe run")
    arguments = parser.parse_args()
    root = arguments.out or Path(tempfile.mkdtemp(prefix="shards-"))
    data = root / arguments.kind
    if not data.is_dir():
        data.mkdir(parents=True)
        for shard in range(arguments.shards):
            name = data / f"set-{shard:05d}-of-{arguments.shards:05d}"
            WRITERS[arguments.kind](name, range(shard, arguments.records, arguments.shards))
    size = sum(path.stat().st_size for path in data.iterdir()) / 1e6
    print(f"{arguments.records:,} pictures in {arguments.shards} shards of {arguments.kind}, {size:.0f} MB", flush=True)
    print(f"check                {measured(['check', str(data), 'data.cache=none'])}", flush=True)
    words = [
        "model.name=cnn", "model.filters=[8,16]", "model.convolutions=1", "train.epochs=2", "train.batch_size=128",
        "train.checkpoint_steps=100", "evaluation.bootstrap=20", "data.cache=none", *arguments.words,
    ]  # fmt: skip
    command = ["run", "image-cls", f"data.path={data}", *words, "--out", str(root / "runs")]
    print(f"run                  {measured([*command, '--name', 'whole'])}", flush=True)
    killed = root / "runs" / "killed"
    epoch = int(arguments.records * 0.7) // 128

    def in_second_epoch() -> bool:
        steps = [int(path.stem.partition("-")[2]) for path in (killed / "checkpoints").glob("step-*.json")]
        return any(step > 1.3 * epoch for step in steps)

    print(f"run, killed          {measured([*command, '--name', 'killed'], in_second_epoch)}", flush=True)
    print(f"resume               {measured(['resume', str(killed)])}", flush=True)
    print(f"equal to the whole   {state(root / 'runs' / 'whole') == state(killed)}", flush=True)
    if arguments.out is None:
        shutil.rmtree(root)


if __name__ == "__main__":
    main()
