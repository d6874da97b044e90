"""Generative adversarial networks (Goodfellow et al. 2014): two networks and the step that trains both."""

import keras

from .diff_augment import diff_augment

LOSSES = ("non-saturating", "hinge")


@keras.saving.register_keras_serializable("tfpipelines")
class GAN(keras.Model):
    """A generator and a discriminator, both updated in each step, by the gradients at the weights before it.

    What is random comes with the batch, so that a step is a function of the weights and of its batch alone.

    Args:
        generator: noise float32 (batch, latent), or [noise, class int32 (batch,)] -> images in [-1, 1] (batch, height,
            width, channels).
        discriminator: images in [-1, 1], or [images, class] -> logits (batch, 1), high for real images.
        loss: `non-saturating` (Goodfellow et al. 2014) or `hinge` (Lim & Ye 2017).
        label_smoothing: with non-saturating, 1 minus the target of real images (one-sided, Salimans et al. 2016).
        r1: weight of the penalty r1 / 2 * |gradient of the logit by the real image|^2 (Mescheder et al. 2018), the
            image as the discriminator sees it, augmented; 0: none.
        r1_interval: steps from one penalty to the next, whose weight is multiplied by it (lazy, Karras et al. 2020).
        augment: of `color`, `translation`, `cutout`: see `diff_augment`.

    Attributes:
        inputs: symbolic, of the discriminator: what a step sees of the data.

    A batch is a dict: `images` (batch, height, width, channels) levels 0 to 255, `noise` float32 (batch, latent),
    `labels` int32 (batch,) where the networks take them, `draws` float32 (batch, 16), uniform in [0, 1), where there
    is augmentation.

    Raises:
        ValueError: for an unknown loss.
    """

    def __init__(
        self,
        generator: keras.Model,
        discriminator: keras.Model,
        loss: str = "non-saturating",
        label_smoothing: float = 0.0,
        r1: float = 0.0,
        r1_interval: int = 16,
        augment: tuple[str, ...] = (),
        name: str = "gan",
    ):
        super().__init__(name=name)
        if loss not in LOSSES:
            raise ValueError(f"loss is {loss!r}; it must be one of {', '.join(LOSSES)}")
        self.generator, self.discriminator = generator, discriminator
        self.loss_name, self.label_smoothing, self.augment = loss, label_smoothing, tuple(augment)
        self.r1, self.r1_interval = r1, r1_interval
        self.conditional = len(generator.inputs) > 1
        names = ("generator_loss", "discriminator_loss", "real_logit", "fake_logit")
        self._means = {name: keras.metrics.Mean(name) for name in names}
        self.built = True

    @property
    def inputs(self):
        return self.discriminator.inputs

    @property
    def metrics(self):
        return list(self._means.values())

    def call(self, x, training=None):
        """Images of a batch's noise, in [-1, 1]."""
        return self.generator([x["noise"], x["labels"]] if self.conditional else x["noise"], training=training)

    def train_step(self, *arguments):
        """One update of both networks. TensorFlow: (data) -> logs; jax: (state, data) -> (logs, state)."""
        backend = keras.backend.backend()
        if backend == "tensorflow":
            return self._tensorflow_step(*arguments)
        if backend == "jax":
            return self._jax_step(*arguments)
        raise NotImplementedError(f"A GAN trains on the backends tensorflow and jax, not on {backend}.")

    def get_config(self):
        names = ("label_smoothing", "r1", "r1_interval", "augment", "name")
        settings = {"loss": self.loss_name, **{name: getattr(self, name) for name in names}}
        networks = {"generator": self.generator, "discriminator": self.discriminator}
        return settings | {name: keras.saving.serialize_keras_object(value) for name, value in networks.items()}

    @classmethod
    def from_config(cls, config, custom_objects=None):
        load = lambda name: keras.saving.deserialize_keras_object(config[name], custom_objects)
        return cls(**{**config, "generator": load("generator"), "discriminator": load("discriminator")})

    # --- what both backends share
    def _real(self, x):
        images = keras.ops.cast(x["images"], self.compute_dtype) / 127.5 - 1.0
        return self._augmented(images, x, 0)

    def _augmented(self, images, x, player: int):
        return (
            diff_augment(images, x["draws"][:, 8 * player : 8 * player + 8], self.augment) if self.augment else images
        )

    def _logits(self, images, x):
        logits = self.discriminator([images, x["labels"]] if self.conditional else images, training=True)
        return keras.ops.cast(logits, "float32")

    def generator_loss(self, fake):
        """Of the logits of generated images; scalar."""
        return keras.ops.mean(-fake) if self.loss_name == "hinge" else keras.ops.mean(keras.ops.softplus(-fake))

    def discriminator_loss(self, real, fake):
        """Of the logits of real and of generated images; scalar, without the penalty."""
        ops = keras.ops
        if self.loss_name == "hinge":
            return ops.mean(ops.relu(1.0 - real)) + ops.mean(ops.relu(1.0 + fake))
        return ops.mean(ops.softplus(real) - (1.0 - self.label_smoothing) * real) + ops.mean(ops.softplus(fake))

    def _penalty(self, gradients):
        squares = keras.ops.sum(keras.ops.square(keras.ops.cast(gradients, "float32")), [1, 2, 3])
        return 0.5 * self.r1 * self.r1_interval * keras.ops.mean(squares)

    def _record(self, *values) -> dict:
        """Of the generator's loss and the discriminator's, and the logits of real and of generated images."""
        for mean, value in zip(self._means.values(), values):
            mean.update_state(value)
        return {name: mean.result() for name, mean in self._means.items()}

    # --- TensorFlow
    def _tensorflow_step(self, data):
        import tensorflow as tf

        x = _tensors(data)
        own, others = self.generator.trainable_variables, self.discriminator.trainable_variables
        real_images = self._real(x)
        with tf.GradientTape(persistent=True) as tape:
            fake = self._logits(self._augmented(self(x, training=True), x, 1), x)
            real = self._logits(real_images, x)
            generator_loss, discriminator_loss = self.generator_loss(fake), self.discriminator_loss(real, fake)
            if self.r1:
                due = self.optimizer.iterations % self.r1_interval == 0
                discriminator_loss += tf.cond(due, lambda: self._tensorflow_penalty(real_images, x), lambda: 0.0)
        gradients = tape.gradient(generator_loss, own) + tape.gradient(discriminator_loss, others)
        self.optimizer.apply(gradients, own + others)
        return self._record(generator_loss, discriminator_loss, real, fake)

    def _tensorflow_penalty(self, images, x):
        import tensorflow as tf

        with tf.GradientTape() as tape:
            tape.watch(images)
            logits = tf.reduce_sum(self._logits(images, x))
        return self._penalty(tape.gradient(logits, images))

    # --- jax
    def _jax_step(self, state, data):
        import jax

        trainable, others, optimizer, means = state
        x = _tensors(data)
        own, theirs = self.generator.trainable_variables, self.discriminator.trainable_variables
        of_generator, of_discriminator = trainable[: len(own)], trainable[len(own) :]
        real_images = self._real(x)
        values = dict(zip(map(id, self.optimizer.variables), optimizer))
        due = values[id(self.optimizer.iterations)] % self.r1_interval == 0

        def generate(weights):
            images, kept = self._stateless(lambda: self(x, training=True), own, weights, others)
            return self._augmented(images, x, 1), kept

        def discriminate(weights, fake_images, others):
            logits = lambda: (self._logits(fake_images, x), self._logits(real_images, x))
            (fake, real), kept = self._stateless(logits, theirs, weights, others)
            penalty = 0.0
            if self.r1:

                def penalize():
                    said = lambda images: keras.ops.sum(self._logits(images, x))
                    slope = lambda images: self._stateless(lambda: said(images), theirs, weights, kept)
                    gradients, after = jax.grad(slope, has_aux=True)(real_images)
                    return self._penalty(gradients), after

                penalty, kept = jax.lax.cond(due, penalize, lambda: (0.0, kept))
            return (fake, real, penalty), kept

        fake_images, back_to_generator, others = jax.vjp(generate, of_generator, has_aux=True)
        told = lambda weights, images: discriminate(weights, images, others)
        outputs, back, others = jax.vjp(told, of_discriminator, fake_images, has_aux=True)
        slopes = lambda loss: jax.value_and_grad(loss, argnums=(0, 1, 2))(*outputs)
        generator_loss, by_generator = slopes(lambda fake, real, penalty: self.generator_loss(fake))
        penalized = lambda fake, real, penalty: self.discriminator_loss(real, fake) + penalty
        discriminator_loss, by_discriminator = slopes(penalized)
        (generator_gradients,) = back_to_generator(back(by_generator)[1])
        gradients = [*generator_gradients, *back(by_discriminator)[0]]
        trainable, optimizer = self.optimizer.stateless_apply(optimizer, gradients, trainable)
        fake, real, _ = outputs
        with keras.StatelessScope(state_mapping=list(zip(self.metrics_variables, means))) as scope:
            logs = self._record(generator_loss, discriminator_loss, real, fake)
        means = [scope.get_current_value(variable) for variable in self.metrics_variables]
        return logs, (trainable, others, optimizer, means)

    def _stateless(self, function, variables: list, weights: list, others: list):
        """What a function returns with these values of some variables and all untrained ones; the latter after it."""
        mapping = [*zip(variables, weights), *zip(self.non_trainable_variables, others)]
        with keras.StatelessScope(state_mapping=mapping) as scope:
            answer = function()
        return answer, [scope.get_current_value(variable) for variable in self.non_trainable_variables]


def _tensors(data) -> dict:
    """The batch, as tensors of the backend: without compilation jax is given arrays of NumPy."""
    batch = keras.utils.unpack_x_y_sample_weight(data)[0]
    return {name: keras.ops.convert_to_tensor(value) for name, value in batch.items()}
