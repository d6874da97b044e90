"""Two optimizers that look like one to Keras' training loop and to checkpoints."""

import keras


class TwoOptimizers(keras.optimizers.Optimizer):
    """The first variables are updated by one optimizer, the others by another; each clips and counts by itself.

    Args:
        first, second: built by `build` here.
        count: how many variables belong to the first.
    """

    def __init__(self, first: keras.optimizers.Optimizer, second: keras.optimizers.Optimizer, count: int):
        super().__init__(learning_rate=0.0, name="two_optimizers")
        self.first, self.second, self.count = first, second, count

    def build(self, variables) -> None:
        if not self.built:
            self.first.build(variables[: self.count])
            self.second.build(variables[self.count :])
            super().build(variables)

    @property
    def variables(self):
        return [*self.first.variables, *self.second.variables]

    @property
    def iterations(self):
        return self.first.iterations

    @property
    def learning_rate(self):
        """The first one's; assigning it moves the second one's in the same ratio."""
        return self.first.learning_rate

    @learning_rate.setter
    def learning_rate(self, value) -> None:
        change = value / keras.ops.convert_to_numpy(self.first.learning_rate)
        self.second.learning_rate = change * keras.ops.convert_to_numpy(self.second.learning_rate)
        self.first.learning_rate = value

    def apply(self, gradients, variables) -> None:
        self.first.apply(gradients[: self.count], variables[: self.count])
        self.second.apply(gradients[self.count :], variables[self.count :])

    def stateless_apply(self, optimizer_variables, gradients, variables):
        part, count = len(self.first.variables), self.count
        own, first = self.first.stateless_apply(optimizer_variables[:part], gradients[:count], variables[:count])
        others, second = self.second.stateless_apply(optimizer_variables[part:], gradients[count:], variables[count:])
        return [*own, *others], [*first, *second]
