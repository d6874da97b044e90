"""Measures the dcgan pipeline, and prints what the README says of it.

    python benchmarks/dcgan.py step            milliseconds of a training step beside that of dcgan_plain.py, with the
                                               same networks
    python benchmarks/dcgan.py conditional     inception score and Frechet distance by the judge of dcgan_plain.py,
                                               seeds 0, 1, 2
    python benchmarks/dcgan.py unconditional   the same without labels, beside dcgan_plain.py for as long as the run has
                                               trained

`--peers DIR` names another folder with dcgan_plain.py, `--rounds N` the number of turns of `step`. For times a quiet
machine is needed: nothing else should run.
"""

import importlib.util
import statistics
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from measure import figure, main, report, report_quality, tfpipe_run, timed

import tfpipelines

STEPS = 100  # of one turn
WITHOUT_LABELS = ("model.conditional=false", "model.clusters=40")


def plain(peers: Path):
    """The module of the peer; importing it trains the judge."""
    spec = importlib.util.spec_from_file_location("dcgan_plain", peers / "dcgan_plain.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def quality(peers: Path, *overrides: str, beside: bool) -> None:
    """Figures of seeds 0, 1, 2; `beside`: those of the peer at equal time, too."""
    judge = plain(peers).judge
    ours, others = [], []
    with tempfile.TemporaryDirectory() as folder:
        for seed in range(3):
            seconds, path = tfpipe_run("dcgan", Path(folder), f"seed={seed}", *overrides)
            run = tfpipelines.load(path)
            images, _ = run.generate(2000, seed=1)
            score, distance = judge(images.astype(np.float32) / 127.5 - 1.0)
            times, test, collapsed = (
                run.metrics["time"],
                run.metrics["test"],
                [line for line in run.metrics["about"] if "collapsed" in line],
            )
            ours.append(
                {
                    "score": score,
                    "distance": distance,
                    "seconds": seconds,
                    "measuring": times["measuring"] / times["total"],
                    **test,
                }
            )
            print(
                f"  seed {seed}: inception score {score:.3f}, Frechet distance {distance:.2f}; whole "
                f"command {seconds:.0f} s, of it {times['training']:.0f} s of training, "
                f"{times['measuring']:.0f} s measuring; {collapsed or 'never collapsed'}",
                flush=True,
            )
            if beside:
                out = timed([sys.executable, str(peers / "dcgan_plain.py"), f"{times['training']:.0f}", str(seed)])[1]
                others.append((figure(out, "inception_score"), figure(out, "frechet")))
                print(f"          dcgan_plain.py {times['training']:.0f} s: {out.strip()}", flush=True)
    for name in (
        "score",
        "distance",
        "seconds",
        "measuring",
        "kid",
        "fid",
        "precision",
        "recall",
        "diversity",
        "nearest",
        "copies",
    ):
        report_quality(f"tfpipe run dcgan {' '.join(overrides)}, {name}", [round(figures[name], 4) for figures in ours])
    if beside:
        report_quality("dcgan_plain.py, score", [score for score, _ in others])
        report_quality("dcgan_plain.py, distance", [distance for _, distance in others])
        report_quality(
            "distance, as a share of the peer's",
            [round(figures["distance"] / distance, 4) for figures, (_, distance) in zip(ours, others)],
        )


def networks():
    """Generator and discriminator of dcgan_plain.py."""
    import keras
    from keras import layers

    normal = lambda: keras.initializers.RandomNormal(stddev=0.02)
    generator = keras.Sequential([
        keras.Input((64,)), layers.Dense(7 * 7 * 128, use_bias=False), layers.BatchNormalization(momentum=0.8),
        layers.ReLU(), layers.Reshape((7, 7, 128)),
        layers.Conv2DTranspose(64, 4, 2, "same", use_bias=False, kernel_initializer=normal()),
        layers.BatchNormalization(momentum=0.8), layers.ReLU(),
        layers.Conv2DTranspose(1, 4, 2, "same", activation="tanh", kernel_initializer=normal()),
    ])  # fmt: skip
    discriminator = keras.Sequential([
        keras.Input((28, 28, 1)), layers.Conv2D(64, 4, 2, "same", kernel_initializer=normal()), layers.LeakyReLU(0.2),
        layers.Conv2D(128, 4, 2, "same", kernel_initializer=normal()), layers.LeakyReLU(0.2), layers.Flatten(),
        layers.Dropout(0.2), layers.Dense(1),
    ])  # fmt: skip
    return generator, discriminator


def our_steps(images: np.ndarray):
    """A function that takes some steps as the pipeline does, averaged weights included; with the networks of the
    peer.
    """
    import keras

    from tfpipelines import models, training
    from tfpipelines.datasets.image_store import store_array
    from tfpipelines.tasks import generation
    from tfpipelines.tasks.generation.gan import GAN

    gan = GAN(*networks(), label_smoothing=0.1)
    optimizers = (keras.optimizers.Adam(2e-4, 0.5) for _ in range(2))
    gan.compile(
        optimizer=generation.TwoOptimizers(*optimizers, len(gan.generator.trainable_variables)), jit_compile=False
    )
    gan.optimizer.build(gan.trainable_variables)
    store, averaged, done = (
        store_array(images, models.ImagePreprocessor((28, 28), 1)),
        training.AveragedWeights(0.998, gan.generator.weights),
        0,
    )

    def run(steps: int) -> None:
        nonlocal done
        batches = generation.adversarial_batches(
            store,
            np.arange(len(images)),
            None,
            batch_size=64,
            seed=0,
            first_step=done,
            last_step=done + steps,
            latent=64,
        )
        gan.fit(batches, epochs=1, steps_per_epoch=steps, verbose=0, shuffle=False, callbacks=[averaged])
        done += steps

    return run


def peers_steps(images: np.ndarray):
    """The same of the peer: its step and its data, written out here since it runs for a time and not for a number
    of steps.
    """
    import keras
    import tensorflow as tf

    generator, critic = networks()
    g_opt, d_opt = keras.optimizers.Adam(2e-4, 0.5), keras.optimizers.Adam(2e-4, 0.5)
    g_opt.build(generator.trainable_variables)
    d_opt.build(critic.trainable_variables)
    bce = keras.losses.BinaryCrossentropy(from_logits=True)

    @tf.function
    def step(batch):
        with tf.GradientTape() as g_tape, tf.GradientTape() as d_tape:
            fake = generator(tf.random.normal((64, 64)), training=True)
            real_logits, fake_logits = critic(batch, training=True), critic(fake, training=True)
            g_loss = bce(tf.ones_like(fake_logits), fake_logits)
            d_loss = bce(tf.ones_like(real_logits) * 0.9, real_logits) + bce(tf.zeros_like(fake_logits), fake_logits)
        g_opt.apply(g_tape.gradient(g_loss, generator.trainable_variables), generator.trainable_variables)
        d_opt.apply(d_tape.gradient(d_loss, critic.trainable_variables), critic.trainable_variables)

    levels = images.astype("float32") / 127.5 - 1
    data = iter(
        tf.data.Dataset.from_tensor_slices(levels).shuffle(4000).batch(64, drop_remainder=True).repeat().prefetch(2)
    )

    def run(steps: int) -> None:
        for _ in range(steps):
            step(next(data))

    return run


def step(peers: Path, rounds: int) -> None:
    """Turn by turn."""
    with np.load(Path(__file__).resolve().parents[1] / "data" / "digits" / "digits.npz") as archive:
        images = archive["x"][archive["split"] != "test"][..., None]
    runs = {"tfpipelines": our_steps(images), "dcgan_plain.py": peers_steps(images)}
    times: dict[str, list[float]] = {name: [] for name in runs}
    for run in runs.values():
        run(STEPS)  # the first call traces
    for _ in range(rounds):
        for name, run in runs.items():
            began = time.perf_counter()
            run(STEPS)
            times[name].append((time.perf_counter() - began) / STEPS * 1000)
    ours, theirs = (report(f"{name}, a step", values, "ms") for name, values in times.items())
    print(
        f"  ratio of the medians {ours / theirs:.3f}; of the turns "
        f"{statistics.median([a / b for a, b in zip(*times.values())]):.3f}"
    )


if __name__ == "__main__":
    main(
        __doc__,
        {
            "step": step,
            "conditional": lambda peers, rounds: quality(peers, beside=False),
            "unconditional": lambda peers, rounds: quality(peers, *WITHOUT_LABELS, beside=True),
        },
    )
