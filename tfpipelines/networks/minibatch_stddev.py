"""What a discriminator can see of a whole batch: whether its images are too much alike."""

import keras


@keras.saving.register_keras_serializable("tfpipelines")
class MinibatchDeviation(keras.layers.Layer):
    """Adds a channel: the deviation within a group of the batch, the mean over all channels (Karras et al. 2018, but
    for each place).

    (batch, ..., channels) -> (batch, ..., channels + 1). The samples of a group lie apart in the batch; a batch that is
    no multiple of the group is one group.

    Args:
        group: samples of a group.
    """

    def __init__(self, group: int = 4, **kwargs):
        super().__init__(**kwargs)
        self.group = group

    def call(self, inputs):
        ops = keras.ops
        batch, shape = ops.shape(inputs)[0], tuple(inputs.shape[1:])
        if isinstance(batch, int):
            group = batch if batch % self.group else self.group
        else:  # TensorFlow, with a batch of any size
            group = ops.where(batch % self.group == 0, self.group, batch)
        grouped = ops.reshape(ops.cast(inputs, "float32"), (group, -1, *shape))  # (group, groups, ..., channels)
        deviation = ops.mean(ops.sqrt(ops.var(grouped, axis=0) + 1e-8), -1, keepdims=True)
        told = ops.reshape(ops.tile(deviation[None], (group, *[1] * (len(shape) + 1))), (-1, *shape[:-1], 1))
        return ops.concatenate([inputs, ops.cast(told, inputs.dtype)], -1)

    def compute_output_shape(self, input_shape):
        return (*input_shape[:-1], input_shape[-1] + 1)

    def get_config(self):
        return {**super().get_config(), "group": self.group}
