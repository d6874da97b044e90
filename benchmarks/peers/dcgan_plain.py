"""A plain DCGAN on digits for a given time, judged by a digit classifier trained here: inception score and Frechet
distance in the classifier's 128 features, 2,000 samples against 2,000 real ones. dcgan_plain.py SECONDS [SEED]
judge(images): images float32 (n, 28, 28, 1) in [-1, 1] -> (inception score, Frechet distance).
"""

import pathlib
import sys
import time

import keras
import numpy as np
import tensorflow as tf
from scipy.linalg import sqrtm

L = keras.layers
d = np.load(pathlib.Path(__file__).parent / "../../data/digits/digits.npz")
x, y = d["x"][..., None].astype("float32") / 127.5 - 1, d["y"].astype("int32")
test = d["split"] == "test"


def classifier():
    keras.utils.set_random_seed(0)
    inputs = h = keras.Input((28, 28, 1))
    for filters in (32, 32):
        h = L.Conv2D(filters, 3, activation="relu")(h)
    h = L.Conv2D(64, 3, activation="relu")(L.MaxPooling2D()(h))
    features = L.Dense(128, activation="relu")(L.Dropout(0.4)(L.Flatten()(L.MaxPooling2D()(h))))
    model = keras.Model(inputs, [L.Dense(10, name="logits")(features), features])
    labels = keras.Model(inputs, model.outputs[0])
    labels.compile("adam", keras.losses.SparseCategoricalCrossentropy(from_logits=True), metrics=["accuracy"])
    labels.fit(x[~test], y[~test], epochs=12, batch_size=64, verbose=0)
    print(f"judge accuracy {labels.evaluate(x[test], y[test], verbose=0)[1]:.4f}", file=sys.stderr)
    return model


CLASSIFIER = classifier()


REAL = x[~test][::2]  # 2,000 pictures, every class alike


def judge(images, real=REAL):
    logits, f = CLASSIFIER.predict(images, batch_size=256, verbose=0)
    g = CLASSIFIER.predict(real, batch_size=256, verbose=0)[1]
    p = np.exp(logits - logits.max(1, keepdims=True))
    p /= p.sum(1, keepdims=True)
    score = np.exp((p * (np.log(p + 1e-9) - np.log(p.mean(0) + 1e-9))).sum(1).mean())
    a, b = np.cov(f.T) + 1e-6 * np.eye(128), np.cov(g.T) + 1e-6 * np.eye(128)
    return float(score), float(((f.mean(0) - g.mean(0)) ** 2).sum() + np.trace(a + b - 2 * sqrtm(a @ b).real))


def main(seconds, seed):
    keras.utils.set_random_seed(seed)
    normal = lambda: keras.initializers.RandomNormal(stddev=0.02)
    generator = keras.Sequential(
        [
            keras.Input((64,)),
            L.Dense(7 * 7 * 128, use_bias=False),
            L.BatchNormalization(momentum=0.8),
            L.ReLU(),
            L.Reshape((7, 7, 128)),
            L.Conv2DTranspose(64, 4, 2, "same", use_bias=False, kernel_initializer=normal()),
            L.BatchNormalization(momentum=0.8),
            L.ReLU(),
            L.Conv2DTranspose(1, 4, 2, "same", activation="tanh", kernel_initializer=normal()),
        ]
    )
    critic = keras.Sequential(
        [
            keras.Input((28, 28, 1)),
            L.Conv2D(64, 4, 2, "same", kernel_initializer=normal()),
            L.LeakyReLU(0.2),
            L.Conv2D(128, 4, 2, "same", kernel_initializer=normal()),
            L.LeakyReLU(0.2),
            L.Flatten(),
            L.Dropout(0.2),
            L.Dense(1),
        ]
    )
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

    data = (
        tf.data.Dataset.from_tensor_slices(x[~test]).shuffle(4000).batch(64, drop_remainder=True).repeat().prefetch(2)
    )
    start, steps = time.perf_counter(), 0
    for batch in data:
        step(batch)
        steps += 1
        if time.perf_counter() - start > seconds:
            break
    images = generator.predict(tf.random.normal((2000, 64), seed=1), batch_size=256, verbose=0)
    score, distance = judge(images)
    print(
        f"steps {steps} ms_per_step {1000 * (time.perf_counter() - start) / steps:.1f} inception_score "
        f"{score:.3f} frechet {distance:.2f} ; test images: {judge(x[test])}"
    )


if __name__ == "__main__":
    main(float(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 0)
