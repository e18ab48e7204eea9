"""Training and evaluation steps of all models."""

import math
from typing import TYPE_CHECKING, Any

import keras
import tensorflow as tf

from genesis_keras.layers.batch_normalization import BatchNormalization
from genesis_keras.models import micro_batches, replicas
from genesis_keras.objectives.elbo import weighted_loss
from genesis_keras.types import Draws, Images, Outputs, Tensor

if TYPE_CHECKING:
    from genesis_keras.models.replicas import Shard

_TRAINING, _EVALUATION = 0, 1  # separate streams of random numbers
_MEANS = ("loss", "reconstruction_error", "kl", "elbo")


class SceneSteps:
    """The steps of `fit` and `evaluate` of a `SceneModel`, which inherits them.

    Under a `tf.distribute` strategy all reported values, and the error that GECO uses,
    are means over the global batch. Random numbers belong to the image, not to the
    replica, so results do not depend on the number of replicas.
    """

    @property
    def metrics(self) -> list[Any]:
        """Running means since the last reset: loss, error etc., see `train_step`."""
        return list(self.trackers.values())

    def train_step(self, data: Images) -> Outputs:
        """Runs a training step: forward, backward, optimiser, then the GECO update.

        With `compile(accumulate_steps=N)` forward and backward passes process N parts
        of the batch one after the other; all else is the same.

        Args:
            data: A batch of images, or a dict with "image" `[B, H, W, 3]`.

        Returns:
            Dict of the running means of the metrics. `error` is in nats per pixel and
            channel; `loss`, `kl` and `elbo` are in nats per image. Without a likelihood
            `error` is the mean squared error, and there are no `kl`, `elbo` and `beta`.
        """
        images = self.checked_images_of(data)
        shard = replicas.shard_of(images)
        step = tf.identity(self.optimizer.iterations)
        draws = self.draws_of(shard, _TRAINING, step)
        beta = tf.identity(self.geco.beta)  # its value before this step's update
        images = replicas.at_least_one(images)
        gradients, means = self._gradients(images, draws, beta, shard)
        applied = self._apply(gradients, means["loss"], step)
        means = replicas.global_means({**means, "beta": beta}, shard)
        self.geco.update(means["reconstruction_error"], self.moving_goals(step))
        logs = self._track(means, shard)
        if _may_skip(self.optimizer):
            logs["skipped"] = _as_log(1.0 - tf.cast(applied, "float32"))
        return logs

    def _gradients(self, images, draws, beta, shard):
        """Returns the replica's gradients, and means over its images, by name."""
        count = self.accumulate_steps
        # The optimiser sums the gradients over the replicas.
        share = shard.share / count

        def of_part(images, draws):
            with tf.GradientTape() as tape:
                outputs = self(images, training=True, **draws)
                loss = self.training_loss(outputs, beta, images)
                scaled_loss = self.optimizer.scale_loss(loss * share)
            gradients = tape.gradient(scaled_loss, self.trainable_weights)
            return gradients, _means(outputs, loss)

        zeros = (
            [tf.zeros(weight.shape, weight.dtype) for weight in self.trainable_weights],
            {name: tf.constant(0.0) for name in _MEANS},
        )
        gradients, sums = micro_batches.sum_over_parts(
            of_part, (images, draws), count, zeros
        )
        return gradients, {name: total / count for name, total in sums.items()}

    def moving_goals(self, step: Tensor) -> list[Tensor] | None:
        """Returns GECO's goals of a step and of the previous one; None if constant.

        Args:
            step: Number of previous training steps, an integer tensor.
        """
        return None

    def draws_of(self, shard: "Shard", kind: int, index: Tensor | int) -> Draws:
        """Returns the random numbers for a replica's images, as arguments of `call`.

        They depend on an image's position in the global batch, not on the replica, and
        are therefore the same for any number of replicas.

        Args:
            shard: The replica's `replicas.Shard`.
            kind: An integer that selects a separate stream of random numbers.
            index: Index of the global batch, an integer scalar tensor.
        """
        seed = self.random.seed_at(kind, index)
        return replicas.take(self.fixed_draws(shard.global_size, seed=seed), shard)

    def _apply(self, gradients, loss, step):
        """Updates the weights; returns whether it did, as a boolean scalar."""
        if not _may_skip(self.optimizer):
            self.optimizer.apply(gradients, self.trainable_weights)
            return tf.constant(True)
        # This optimiser skips updates that are not finite, but decides so on each
        # replica alone. A bad gradient on one replica must therefore skip all of them.
        finite = self.optimizer.check_finite([*gradients, loss])
        finite = replicas.true_everywhere(finite)
        gradients = [
            None if gradient is None else tf.where(finite, gradient, math.nan)
            for gradient in gradients
        ]
        self.optimizer.apply(gradients, self.trainable_weights)
        # A skipped batch counts as a step as well.
        self.optimizer.iterations.assign(step + 1)
        return finite

    def training_loss(self, outputs: Outputs, beta: Tensor, images: Tensor) -> Tensor:
        """Returns the loss that a training step minimises, a scalar.

        Args:
            outputs: The model's outputs, see `genesis_keras.models.outputs`.
            beta: Weight of the KL terms, scalar.
            images: The input images `[B, H, W, 3]`.
        """
        return weighted_loss(outputs, beta)

    def test_step(self, data: Images) -> Outputs:
        """Computes the metrics of `train_step` on a batch, without an update."""
        images = self.checked_images_of(data)
        shard = replicas.shard_of(images)
        # The number of images seen since the metrics were reset.
        index = tf.cast(self.trackers["loss"].count, "int32")
        draws = self.draws_of(shard, _EVALUATION, index)
        images = replicas.at_least_one(images)
        outputs = self(images, training=False, **draws)
        beta = tf.identity(self.geco.beta)
        loss = self.training_loss(outputs, beta, images)
        means = {**_means(outputs, loss), "beta": beta}
        return self._track(replicas.global_means(means, shard), shard)

    def _track(self, means, shard):
        error = means["reconstruction_error"] / (self.image_size**2 * 3)
        values = {**means, "error": error}
        weight = tf.cast(shard.global_size, "float32")
        kept = True
        if _skips_batches(self.optimizer):
            kept = tf.math.is_finite(means["loss"])
            weight = tf.where(kept, weight, 0.0)
        for name, tracker in self.trackers.items():
            value = tf.where(kept, values[name], 0.0)
            tracker.update_state(value, sample_weight=weight)
        return {
            name: _as_log(tracker.result()) for name, tracker in self.trackers.items()
        }

    def _check_compilation(self):
        """Raises `ValueError` if the step cannot run on several replicas as requested.

        XLA cannot compile it, and within a loop over micro-batches replicas cannot
        share the statistics of their batches.
        """
        count = self.distribute_strategy.num_replicas_in_sync
        if self.jit_compile and count > 1:
            raise ValueError(
                "jit_compile must be 'auto' or False with several replicas, whose "
                f"reductions XLA cannot compile; got {self.jit_compile!r} and {count} "
                "replicas"
            )
        layers = self._flatten_layers() if self.accumulate_steps > 1 else ()
        if count > 1 and any(isinstance(each, BatchNormalization) for each in layers):
            raise ValueError(
                f"accumulate_steps must be 1 for {type(self).__name__}, which has "
                f"batch normalisation, with several replicas; got "
                f"{self.accumulate_steps} and {count} replicas"
            )


def _means(outputs, loss):
    """Returns means over the images of a batch, by name."""
    values = (
        loss,
        tf.reduce_mean(outputs["reconstruction_error"]),
        tf.reduce_mean(tf.reduce_sum(outputs["kl_latents"], axis=-1)),
        tf.reduce_mean(outputs["elbo"]),
    )
    return dict(zip(_MEANS, values, strict=True))


def _may_skip(optimizer):
    """Whether an optimiser skips updates whose gradients are not finite."""
    return isinstance(optimizer, keras.optimizers.LossScaleOptimizer)


def _skips_batches(optimizer):
    """Whether the metrics, too, skip batches whose loss is not finite."""
    return getattr(optimizer, "skips_batches", False)


def _as_log(value):
    """Reshapes a scalar such that `fit` can average it over replicas."""
    # With several workers Keras 3 averages over axis 0, which scalars lack.
    return value[None] if replicas.is_multi_worker() else value
