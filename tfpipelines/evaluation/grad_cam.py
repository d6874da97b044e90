"""Where in a picture a network sees a class: Grad-CAM (Selvaraju et al. 2017)."""

import keras
import numpy as np

from ..networks.backbones.finetuned import map_and_rest


class GradCam:
    """Heat maps of a network for images.

    Args:
        network: levels 0 to 255 (batch, height, width, channels) -> logits (batch, classes).

    Raises:
        ValueError: if the network has no feature map, as one of dense layers alone.
    """

    def __init__(self, network: keras.Model):
        parts = map_and_rest(network)
        if parts is None:
            raise ValueError("the network has no feature map, so Grad-CAM cannot be computed")
        self._map, self._rest = parts

    def __call__(self, images: np.ndarray, classes: np.ndarray) -> np.ndarray:
        """Heat maps.

        Args:
            images: levels 0 to 255 (batch, height, width, channels).
            classes: number of the class that each image is looked at for, int (batch,).

        Returns:
            float32 (batch, rows, columns) from 0 to 1, of the feature map's size: 1 where most speaks for the class, 0
            where nothing does.
        """
        features = keras.ops.convert_to_tensor(self._map.predict_on_batch(np.asarray(images, np.float32)))
        numbers = keras.ops.convert_to_tensor(np.asarray(classes, np.int32))
        gradients = keras.ops.convert_to_numpy(self._gradients(features, numbers))
        features = keras.ops.convert_to_numpy(features)
        weights = gradients.mean((1, 2), keepdims=True)  # (B, 1, 1, C)
        heat = np.maximum((weights * features).sum(-1), 0.0)
        return (heat / np.maximum(heat.max((1, 2), keepdims=True), 1e-12)).astype(np.float32)

    def _gradients(self, features, classes):
        """How the logit of each image's class changes with the feature map."""

        def chosen(features):
            logits = self._rest(features, training=False)
            return keras.ops.sum(keras.ops.take_along_axis(logits, classes[:, None], 1))

        if keras.backend.backend() == "jax":
            import jax

            return jax.grad(chosen)(features)
        import tensorflow as tf

        with tf.GradientTape() as tape:
            tape.watch(features)
            total = chosen(features)
        return tape.gradient(total, features)
