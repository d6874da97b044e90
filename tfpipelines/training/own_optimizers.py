"""Optimizers that Keras lacks, or has in a form that will not do."""

import math

import keras

_LAST_LAYERS = ("logits", "logit", "output")
_FIRST_AXIS_IN = ("query", "key", "value")  # kernels of attention: (width, heads, width of a head)


class Nadam(keras.optimizers.Nadam):
    """Keras' Nadam (Dozat 2016), all of whose variables are its variables, so that checkpoints have them.

    Inside of a LossScaleOptimizer Keras loses sight of the product of the momenta.
    """

    def build(self, var_list):
        fresh = not self.built
        super().build(var_list)
        if fresh and not any(variable is self._u_product for variable in self._variables):
            self._track_variable(self._u_product)


class Muon(keras.optimizers.Muon):
    """Keras' Muon (Jordan et al. 2024, scaled as by Liu et al. 2025), which orthogonalizes convolutions, too.

    A kernel is taken as the matrix of what goes in by what comes out: (height * width * in, out) of a convolution.
    Whatever is no such matrix is updated by Adam: biases, normalization, embeddings, depthwise kernels and the layer of
    the output. Weight decay is the same for all. Arguments are those of `keras.optimizers.Muon`.
    """

    def build(self, var_list):
        if not self.built:
            self._matrices = [_matrix(variable) for variable in var_list]
        super().build(var_list)

    def _should_use_adamw(self, variable):
        return _matrix(variable) is None

    def _muon_update_step(self, gradient, variable, lr, m):
        shape = tuple(self._matrices[self._get_variable_index(variable)])
        lr, gradient = (keras.ops.cast(value, variable.dtype) for value in (lr, gradient))
        self.assign_add(m, gradient + m * (self.momentum - 1))
        ahead = gradient + self.momentum * m if self.nesterov else keras.ops.convert_to_tensor(m)
        update = self.zeropower_via_newtonschulz5(keras.ops.reshape(ahead, shape), self.ns_steps)
        self.assign_sub(variable, keras.ops.reshape(self.lr_adjust(lr * update), variable.shape))

    def _apply_weight_decay(self, variables):
        super(keras.optimizers.Muon, self)._apply_weight_decay(variables)


def _matrix(variable) -> tuple[int, int] | None:
    """What goes in by what comes out, of a variable of a model; None of what is no matrix."""
    *layers, name = variable.path.split("/")
    if len(variable.shape) < 2 or not name.endswith("kernel") or layers[-1:] and layers[-1] in _LAST_LAYERS:
        return None
    size, first = math.prod(variable.shape), variable.shape[0]
    columns = size // first if layers[-1:] and layers[-1] in _FIRST_AXIS_IN else variable.shape[-1]
    return None if min(columns, size // columns) == 1 else (size // columns, columns)


class ScheduleFreeAdamW(keras.optimizers.Optimizer):
    """Schedule-free AdamW (Defazio et al. 2024), after its Algorithm 1.

    The model's variables are y, where gradients are taken: between z, which makes the steps, and x, the average of all
    z, which is the better model: `averages` gives it. Each z counts by the square of its rate, so those of the warm-up
    count less. Weight decay is that of y, and moves z. Keras' own optimizer of this name reads z when it has moved
    already, on TensorFlow, and then its y is another.

    Args:
        beta_1: what x counts in y.
        beta_2: decay of the mean of squared gradients.
        epsilon: is added to what gradients are divided by.
    """

    def __init__(self, learning_rate, beta_1: float, beta_2: float, epsilon: float, **options):
        super().__init__(learning_rate=learning_rate, **options)
        self.beta_1, self.beta_2, self.epsilon = beta_1, beta_2, epsilon

    def build(self, variables):
        if self.built:
            return
        super().build(variables)
        begin = [_values_of(variable) for variable in variables]
        self._z = [self.add_variable_from_reference(one, "z", start) for one, start in zip(variables, begin)]
        self._squares = self.add_optimizer_variables(variables, "squares")
        self._weights = self.add_variable((), name="weights")  # sum of the squares of all rates

    def averages(self) -> list:
        """x, in the order of the variables that the optimizer was built with."""
        pairs = zip(self._trainable_variables, self._z)
        return [(y - (1.0 - self.beta_1) * z) / self.beta_1 for y, z in pairs]

    def _apply_weight_decay(self, variables):
        for variable in variables if self.weight_decay else ():
            if self._use_weight_decay(variable):
                self.shrink(variable, keras.ops.cast(self.learning_rate * self.weight_decay, variable.dtype))

    def shrink(self, variable, share) -> None:
        """Decay: takes a share of y from z, and as much from y that x stays."""
        step = share * variable
        self.assign_sub(self._z[self._get_variable_index(variable)], step)
        self.assign_sub(variable, (1.0 - self.beta_1) * step)

    def _backend_update_step(self, grads, trainable_variables, learning_rate):
        weight = keras.ops.square(keras.ops.cast(learning_rate, self._weights.dtype))
        self.assign_add(self._weights, weight)
        super()._backend_update_step(grads, trainable_variables, learning_rate)

    def update_step(self, gradient, variable, learning_rate):
        index = self._get_variable_index(variable)
        z, squares = self._z[index], self._squares[index]
        cast = lambda value: keras.ops.cast(value, variable.dtype)
        gradient, rate, count = cast(gradient), cast(learning_rate), cast(self.iterations + 1)
        share = keras.ops.square(keras.ops.cast(self.learning_rate, self._weights.dtype)) / self._weights
        share = cast(share)  # of the new z in x
        self.assign_add(squares, (1.0 - self.beta_2) * (keras.ops.square(gradient) - squares))
        mean = squares / (1.0 - keras.ops.power(cast(self.beta_2), count))
        step = rate * gradient / (keras.ops.sqrt(mean) + self.epsilon)
        # y = (1 - beta_1) z + beta_1 x, of the new z and x, without x itself
        moved = share * (z - variable) - (1.0 - self.beta_1 * (1.0 - share)) * step
        self.assign_sub(z, step)
        self.assign_add(variable, moved)


def _values_of(variable):
    """An initializer that gives what a variable holds. Where Keras builds in a graph, it is asked once that is left."""
    return lambda shape, dtype=None: keras.ops.cast(keras.ops.copy(variable), dtype)
