"""Spectral normalization (Miyato et al. 2018) of dense layers and convolutions."""

import keras

_TINY = 1e-12


class _Spectral(keras.layers.Layer):
    """Divides the kernel by its largest singular value, found by one step of the power iteration in each training call.

    Keras' own wrapper writes the divided kernel back into the layer; here the kernel stays, and gradients pass through
    the division, as in the paper.
    """

    _divided = None

    def build(self, input_shape):
        super().build(input_shape)
        seed = getattr(self.kernel_initializer, "seed", None)
        initializer = keras.initializers.RandomNormal(stddev=1.0, seed=seed if isinstance(seed, int) else None)
        shape = (1, self._kernel.shape[-1])
        self.direction = self.add_weight(shape=shape, initializer=initializer, trainable=False, name="direction")

    @property
    def kernel(self):
        return super().kernel if self._divided is None else self._divided

    def call(self, inputs, training=None):
        ops = keras.ops
        matrix = ops.reshape(ops.cast(super().kernel, "float32"), (-1, self._kernel.shape[-1]))
        fixed, right = ops.stop_gradient(matrix), ops.cast(self.direction, "float32")
        left = _unit(ops.matmul(right, ops.transpose(fixed)))
        right = _unit(ops.matmul(left, fixed))
        if training:
            self.direction.assign(right)
        largest = ops.sum(ops.matmul(ops.stop_gradient(left), matrix) * ops.stop_gradient(right))
        self._divided = ops.cast(super().kernel, "float32") / largest
        self._divided = ops.cast(self._divided, self.compute_dtype)
        try:
            return super().call(inputs)
        finally:
            self._divided = None

    def save_own_variables(self, store):
        keras.layers.Layer.save_own_variables(self, store)  # those of the base classes know kernel and bias alone

    def load_own_variables(self, store):
        keras.layers.Layer.load_own_variables(self, store)


def _unit(vector):
    return vector / (keras.ops.sqrt(keras.ops.sum(keras.ops.square(vector))) + _TINY)


@keras.saving.register_keras_serializable("tfpipelines")
class SpectralConv2D(_Spectral, keras.layers.Conv2D):
    """Keras' Conv2D with a spectrally normalized kernel. Arguments are those of `keras.layers.Conv2D`."""


@keras.saving.register_keras_serializable("tfpipelines")
class SpectralDense(_Spectral, keras.layers.Dense):
    """Keras' Dense with a spectrally normalized kernel. Arguments are those of `keras.layers.Dense`."""
