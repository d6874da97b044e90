"""Measures the image-cls pipeline beside its peers, turn by turn, and prints medians and their ratios.

    python benchmarks/image_cls.py speed     epoch time and whole command beside plain Keras and PyTorch (needs torch)
    python benchmarks/image_cls.py quality   test accuracy over seeds 0, 1, 2 beside plain Keras
    python benchmarks/image_cls.py input     224 pixel JPEGs beside image_dataset_from_directory
    python benchmarks/image_cls.py memory    resident memory over epochs

`--peers DIR` names another folder with digits_keras.py and digits_torch.py, `--rounds N` the number of turns. A quiet
machine is needed: nothing else should run.
"""

import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from measure import epoch_seconds, figure, main, report, report_quality, test_accuracy, tfpipe_run, timed

HERE = Path(__file__).resolve().parent
DIGITS = HERE.parent / "data" / "digits" / "digits.npz"


def ours(folder: Path, *overrides: str) -> tuple[float, Path]:
    """Seconds of one `tfpipe run image-cls`, and its run folder."""
    return tfpipe_run("image-cls", folder, *overrides)


def speed(peers: Path, rounds: int) -> None:
    """Epoch time on the same rows without augmentation and validation, then the whole command with both."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        digits = np.load(DIGITS)
        train = digits["split"] == "train"
        np.savez(folder / "train.npz", x=digits["x"][train], y=digits["y"][train], split=digits["split"][train])
        same = [
            f"data.path={folder / 'train.npz'}",
            "data.validation=0",
            "data.augment={}",
            "train.learning_rate=1e-3",
            "train.ema=null",
            "train.epochs=5",
        ]
        same += SAME_NETWORK
        epochs: dict[str, list[float]] = {"tfpipelines": [], "plain Keras": [], "PyTorch channels_last": []}
        whole: dict[str, list[float]] = {"tfpipe run image-cls, 20 epochs": [], "plain Keras script, 20 epochs": []}
        augmented: dict[str, list[float]] = {"tfpipelines, augmented": [], "plain Keras, augmented": []}
        for _ in range(rounds):
            epochs["tfpipelines"].append(epoch_seconds(ours(folder, *same)[1]))
            epochs["plain Keras"].append(
                figure(timed([sys.executable, str(peers / "digits_keras.py"), "0", "5", "--plain"])[1], "epoch_seconds")
            )
            epochs["PyTorch channels_last"].append(
                figure(timed([sys.executable, str(peers / "digits_torch.py")])[1], "epoch_seconds")
            )
        for _ in range(rounds):
            seconds, run = ours(folder, *SAME_NETWORK, "train.epochs=20")
            whole["tfpipe run image-cls, 20 epochs"].append(seconds)
            augmented["tfpipelines, augmented"].append(epoch_seconds(run))
            seconds, out = timed([sys.executable, str(peers / "digits_keras.py"), "0", "20"])
            whole["plain Keras script, 20 epochs"].append(seconds)
            augmented["plain Keras, augmented"].append(figure(out, "epoch_seconds"))
    print("epoch, same network, data, batch size, no augmentation:")
    mine, keras_time, torch_time = (report(name, values) for name, values in epochs.items())
    print(f"  ratio to plain Keras {mine / keras_time:.3f}, to PyTorch {mine / torch_time:.3f}")
    print("epoch with augmentation and validation:")
    mine, other = (report(name, values) for name, values in augmented.items())
    print(f"  ratio {mine / other:.3f}")
    print("whole command, start-up included:")
    mine, other = (report(name, values) for name, values in whole.items())
    print(f"  ratio {mine / other:.3f}")


SAME_NETWORK = ["model.name=cnn", "model.filters=[32,64,128]", "model.convolutions=[2,2,1]", "train.batch_size=64"]


def quality(peers: Path, rounds: int) -> None:
    """Test accuracy of the pipeline as shipped, and of the plain script, over seeds 0, 1, 2."""
    accuracies: dict[str, list[float]] = {"tfpipe run image-cls": [], "plain Keras script": []}
    seconds: list[float] = []
    with tempfile.TemporaryDirectory() as name:
        for seed in range(3):
            spent, run = ours(Path(name), f"seed={seed}")
            seconds.append(spent)
            accuracies["tfpipe run image-cls"].append(test_accuracy(run))
            accuracies["plain Keras script"].append(
                figure(timed([sys.executable, str(peers / "digits_keras.py"), str(seed)])[1], "test_accuracy")
            )
    print("test accuracy, seeds 0, 1, 2:")
    for name, values in accuracies.items():
        report_quality(name, values)
    report("whole command", seconds)


def write_photos(folder: Path, count: int) -> None:
    """JPEG files of two classes: crops of the two photographs that scikit-learn carries, about 500 x 375 as
    ImageNet's.
    """
    from PIL import Image
    from sklearn.datasets import load_sample_image

    rng = np.random.default_rng(0)
    for name in ("china", "flower"):
        photo = load_sample_image(f"{name}.jpg")
        (folder / name).mkdir()
        for number in range(count // 2):
            height, width = rng.integers(325, 425), rng.integers(430, 570)
            top, left = rng.integers(0, photo.shape[0] - height), rng.integers(0, photo.shape[1] - width)
            Image.fromarray(photo[top : top + height, left : left + width]).save(
                folder / name / f"{number:04d}.jpg", quality=90
            )


def input(peers: Path, rounds: int) -> None:
    """CPU milliseconds and images per second of batches of 32 at 224 pixels: the first epoch with everything before it,
    antialiased, as is the default, and not, as the peer does it; then with the cache warm.
    """
    import keras
    import tensorflow as tf

    from tfpipelines import datasets, models
    from tfpipelines.core.config.images import ImageData

    count, size, batch_size = 1200, (224, 224), 32
    steps = count // batch_size
    costs: dict[str, list[float]] = {}
    rates: dict[str, list[float]] = {}

    def consume(name: str, batches) -> None:
        """Iterates; `batches` is a function, so that what it does first is timed too."""
        began, worked = time.perf_counter(), time.process_time()
        images = sum(int(batch[0].shape[0]) for batch in batches())
        costs.setdefault(name, []).append((time.process_time() - worked) / images * 1e3)
        rates.setdefault(name, []).append(images / (time.perf_counter() - began))

    def read(antialias: bool = True):
        data, findings = ImageData(path=folder, validation=0, test=0), datasets.Findings()
        scan = datasets.scan_images(datasets.read_labelled_images(data, findings), data)
        return datasets.decode_images(scan, models.ImagePreprocessor(size, 3, antialias=antialias), data, findings)

    def epochs(samples, first: int, last: int):
        rows, labels = samples.rows("train"), samples.labels("train", ["china", "flower"])
        span = {"first_step": first * steps, "last_step": last * steps}
        return datasets.training_batches(
            samples.store, rows, datasets.Targets(labels, 2), batch_size=batch_size, seed=0, **span
        )

    def keras_dataset():
        return keras.utils.image_dataset_from_directory(
            folder, image_size=size, batch_size=batch_size, interpolation="bilinear", verbose=False
        )

    def bare():
        files = tf.data.Dataset.from_tensor_slices([str(path) for path in Path(folder).rglob("*.jpg")])
        return files.map(lambda path: (tf.io.decode_jpeg(tf.io.read_file(path), 3)[None],), tf.data.AUTOTUNE)

    with tempfile.TemporaryDirectory() as folder:
        write_photos(Path(folder), count)
        for _ in range(rounds + 1):
            consume("bare decoding", bare)
            consume("first epoch, check included", lambda: epochs(read(), 0, 1))
            consume("image_dataset_from_directory, not antialiased", keras_dataset)
            consume("first epoch, check included, not antialiased", lambda: epochs(read(antialias=False), 0, 1))
        samples, dataset = read(), keras_dataset()
        for _ in range(rounds + 1):
            consume("cache warm (5 epochs)", lambda: epochs(samples, 1, 6))
            consume("image_dataset_from_directory, later epoch", lambda: dataset)
    print(
        f"{count} JPEGs of about 500 x 375 pixels, to {size[0]} x {size[1]} bilinear, batches of "
        f"{batch_size} (the first round is left out):"
    )
    decoding, mine, other, plain, warm, later = (
        report(name, values[1:], "ms of CPU time an image") for name, values in costs.items()
    )
    print(f"  first epoch: ratio to the peer {mine / other:.3f}, not antialiased {plain / other:.3f}; ", end="")
    print(f"to bare decoding {mine / decoding:.2f}; cache warm to the peer's later epoch {warm / later:.3f}")
    decoding, mine, other, plain, warm, later = (report(name, values[1:], "images/s") for name, values in rates.items())
    print(f"  first epoch: ratio of times to the peer {other / mine:.3f}, not antialiased {other / plain:.3f}")


def memory(peers: Path, rounds: int) -> None:
    """Resident memory after each epoch of one run."""
    import psutil

    import tfpipelines

    sizes: list[float] = []

    class Weigh(tfpipelines.Observer):
        def epoch(self, row, epochs, samples):
            sizes.append(psutil.Process().memory_info().rss / 2**20)

    with tempfile.TemporaryDirectory() as name:
        tfpipelines.run(
            "image-cls",
            {"train.epochs": 40, "data.limit": 1000, "model.filters": [8, 16, 32], "train.early_stopping": None},
            out=name,
            observer=Weigh(),
        )
    late = sizes[len(sizes) // 4 :]
    slope = np.polyfit(np.arange(len(late)), late, 1)[0]
    print(
        "resident memory after epochs 1, 10, 20, 30, 40 in MiB:",
        ", ".join(f"{sizes[epoch]:.0f}" for epoch in (0, 9, 19, 29, 39)),
    )
    print(f"  slope after the first ten: {slope:+.3f} MiB an epoch")


if __name__ == "__main__":
    main(__doc__, {"speed": speed, "quality": quality, "input": input, "memory": memory})
