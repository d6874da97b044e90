"""Peer: a BiLSTM on reviews in plain Keras, every text padded to the longest. Usage: reviews_keras_padded.py [SEED]

Prints the median seconds of an epoch after the first, and test accuracy.
"""

import statistics
import sys
import time
from pathlib import Path

import keras
import numpy as np
import pandas as pd
import tensorflow as tf
from keras import layers


class EpochTimes(keras.callbacks.Callback):
    """Seconds of every epoch, in `seconds`."""

    def on_train_begin(self, logs=None):
        self.seconds = []

    def on_epoch_begin(self, epoch, logs=None):
        self.began = time.perf_counter()

    def on_epoch_end(self, epoch, logs=None):
        self.seconds.append(time.perf_counter() - self.began)


keras.utils.set_random_seed(int(sys.argv[1]) if len(sys.argv) > 1 else 0)
reviews = pd.read_csv(Path(__file__).resolve().parents[2] / "data" / "reviews" / "reviews.csv")
train, test = (reviews["split"] == name for name in ("train", "test"))
vectorizer = layers.TextVectorization(max_tokens=20_000)
vectorizer.adapt(reviews["text"][train].tolist())
ids = np.array(vectorizer(tf.constant(reviews["text"].tolist())))
labels = (reviews["label"] == "positive").to_numpy(np.float32)[:, None]

model = keras.Sequential(
    [
        layers.Embedding(20_000, 64, mask_zero=True),
        layers.Bidirectional(layers.LSTM(64)),
        layers.Dense(64, activation="relu"),
        layers.Dropout(0.5),
        layers.Dense(1),
    ]
)
model.compile(
    "adam", keras.losses.BinaryCrossentropy(from_logits=True), metrics=[keras.metrics.BinaryAccuracy(threshold=0)]
)
times = EpochTimes()
batches = tf.data.Dataset.from_tensor_slices((ids[train], labels[train])).shuffle(8000).batch(64).prefetch(2)
model.fit(batches, epochs=4, verbose=0, callbacks=[times])
accuracy = model.evaluate(ids[test], labels[test], batch_size=256, verbose=0)[1]
print(f"epoch_seconds {statistics.median(times.seconds[1:]):.3f} test_accuracy {accuracy:.4f}")
