"""What all formats begin with: a TensorFlow function with named inputs and outputs."""

from pathlib import Path

import keras
import tensorflow as tf

from ..models import Served


def function_of(served: Served, whole: bool, batch: int | None = None, words: bool = False):
    """The model as a tf.function.

    Args:
        whole: take raw samples; else what formats without strings and resizing take, see `models.ServedInput`.
        batch: samples of a call; None: any number.
        words: add outputs that are strings, and what follows from the others.
    """
    model, answer = served.input.model if whole else served.input.part, served.answer
    named = served.input.specs(whole).items()
    signature = [tf.TensorSpec([batch, *spec.shape[1:]], spec.dtype, name) for name, spec in named]

    @tf.autograph.experimental.do_not_convert
    def serve(*tensors):
        outputs = answer.outputs(model(served.input.arguments(tensors, whole), training=False))
        if words:
            return answer.with_words(outputs)
        return {name: tf.identity(value, name=name) for name, value in outputs.items()}

    return tf.function(serve, input_signature=signature)


def write_graph(function, model: keras.Model, folder: Path) -> None:
    """Writes a SavedModel into a folder, whose one signature is `serving_default`."""
    archive = keras.export.ExportArchive()
    archive.track(model)
    archive.add_endpoint("serving_default", function)
    archive.write_out(str(folder), verbose=False)
