"""A plain Keras script for the digits, as one would write it by hand: digits_keras.py [SEED] [EPOCHS] [--plain]

--plain: no augmentation and no validation. Prints seconds per epoch (median after the first) and test accuracy.
"""

import pathlib
import statistics
import sys
import time

import keras
import numpy as np
import tensorflow as tf
from keras import layers

words = [word for word in sys.argv[1:] if word != "--plain"]
seed, epochs = int(words[0]) if words else 0, int(words[1]) if len(words) > 1 else 20
plain = "--plain" in sys.argv
archive = np.load(pathlib.Path(__file__).parents[2] / "data/digits/digits.npz")
images, labels = archive["x"][..., None], archive["y"].astype("int32")
train, validation, test = (archive["split"] == name for name in ("train", "validation", "test"))
keras.utils.set_random_seed(seed)

x = inputs = keras.Input((28, 28, 1))
x = layers.Rescaling(1 / 255)(x)
for stage, (width, count) in enumerate(((32, 2), (64, 2), (128, 1))):
    for _ in range(count):
        x = layers.Conv2D(width, 3, padding="same", use_bias=False)(x)
        x = layers.ReLU()(layers.BatchNormalization(momentum=0.9)(x))
    x = layers.MaxPooling2D()(x) if stage < 2 else layers.GlobalAveragePooling2D()(x)
model = keras.Model(inputs, layers.Dense(10)(layers.Dropout(0.3)(x)))
steps = int(train.sum()) // 64
rate = keras.optimizers.schedules.CosineDecay(0.0, epochs * steps, warmup_target=3e-3, warmup_steps=steps)
loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
model.compile(keras.optimizers.AdamW(rate, weight_decay=1e-2), loss, metrics=["accuracy"])
dataset = (
    tf.data.Dataset.from_tensor_slices((images[train], labels[train]))
    .shuffle(steps * 64)
    .batch(64, drop_remainder=True)
)
if not plain:
    changes = [
        layers.RandomTranslation(0.1, 0.1, fill_mode="constant"),
        layers.RandomRotation(0.04, fill_mode="constant"),
        layers.RandomZoom(0.1, fill_mode="constant"),
    ]
    change = keras.Sequential(changes)
    dataset = dataset.map(
        lambda x, y: (change(tf.cast(x, tf.float32), training=True), y), num_parallel_calls=tf.data.AUTOTUNE
    )

times = []
began = [0.0]
clock = keras.callbacks.LambdaCallback(
    on_epoch_begin=lambda epoch, logs: began.__setitem__(0, time.perf_counter()),
    on_epoch_end=lambda epoch, logs: times.append(time.perf_counter() - began[0]),
)
held_out = None if plain else (images[validation], labels[validation])
model.fit(dataset.prefetch(2), validation_data=held_out, epochs=epochs, verbose=0, callbacks=[clock])
accuracy = model.evaluate(images[test], labels[test], verbose=0)[1]
print(f"epoch_seconds {statistics.median(times[1:]):.3f} test_accuracy {accuracy:.4f}")
