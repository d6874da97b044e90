"""Batch normalization by TensorFlow's fused kernel, on the CPU, where Keras' own takes longer."""

import keras

_COMPUTED = ("float32", "bfloat16")  # compute types that the kernel takes; its statistics are float32 with both


def _usable() -> bool:
    if keras.backend.backend() != "tensorflow":
        return False
    import tensorflow as tf

    return not tf.config.list_logical_devices("GPU")


@keras.saving.register_keras_serializable("tfpipelines")
class FusedBatchNormalization(keras.layers.BatchNormalization):
    """Keras' BatchNormalization over the last axis of (batch, height, width, channels), with the fused kernel in
    training.

    The same variables, the same statistics and, up to rounding, the same outputs and gradients, in float32 and in
    mixed_bfloat16. On another backend, on a GPU or in mixed_float16 it is Keras' own in every respect. Arguments are
    those of `keras.layers.BatchNormalization`.
    """

    def call(self, inputs, training=None, mask=None):
        computed = self.compute_dtype in _COMPUTED and inputs.dtype == self.compute_dtype
        if not training or not self.trainable or mask is not None or not computed or not _usable():
            return super().call(inputs, training=training, mask=mask)
        import tensorflow as tf

        empty = tf.zeros([0], tf.float32)
        scale = tf.convert_to_tensor(self.gamma) if self.scale else tf.ones(inputs.shape[-1:])
        offset = tf.convert_to_tensor(self.beta) if self.center else tf.zeros(inputs.shape[-1:])
        outputs, mean, variance, *_ = tf.raw_ops.FusedBatchNormV3(
            x=inputs, scale=scale, offset=offset, mean=empty, variance=empty, epsilon=self.epsilon, is_training=True
        )
        count = tf.cast(tf.size(inputs) // tf.shape(inputs)[-1], tf.float32)
        self.moving_mean.assign(self.moving_mean * self.momentum + mean * (1.0 - self.momentum))
        variance *= (count - 1.0) / count  # the kernel gives the sample variance; Keras keeps that of the batch
        self.moving_variance.assign(self.moving_variance * self.momentum + variance * (1.0 - self.momentum))
        return outputs


def use_fused(model: keras.Model) -> None:
    """Lets Keras' batch normalizations of images in a model compute by the fused kernel, in training. Their variables
    and configurations stay as they are.
    """
    for layer in model._flatten_layers():
        of_channels = (
            type(layer) is keras.layers.BatchNormalization and layer.axis in (-1, 3) and not layer.synchronized
        )
        if of_channels and layer.built and len(layer.input.shape) == 4:
            layer.__class__ = FusedBatchNormalization  # which only computes otherwise
