"""The instance colouring stick-breaking process (IC-SBP)."""

from typing import Any

import keras
import tensorflow as tf

from genesis_keras.arguments import boolean, choice, integer, number
from genesis_keras.layers.background import merge_background
from genesis_keras.layers.kernels import KERNELS, initial_log_sigma
from genesis_keras.layers.mask_variants import (
    hard_maximum,
    softmax_masks,
    stick_breaking_masks,
    straight_through,
)
from genesis_keras.layers.mixed_pixels import assign_mixed_pixels
from genesis_keras.layers.random_source import RandomSource
from genesis_keras.layers.stick_breaking import LOG_ZERO, break_stick, clamp_value
from genesis_keras.types import Config, Outputs, Shape, Tensor

# Bounds of alpha. They keep log(alpha) and log(1 - alpha) finite.
_ALPHA_MIN, _ALPHA_MAX = 0.01, 0.99
NORMALIZATIONS = ("stick_breaking", "softmax")


@keras.saving.register_keras_serializable("genesis_keras")
class InstanceColouring(keras.layers.Layer):
    """IC-SBP: clusters pixel embeddings into soft attention masks (Algorithm 1).

    The seed of a cluster is the pixel with the highest `seed_scores * scope`. The
    kernel of the distance between a pixel's embedding and the seed's is the pixel's
    alpha; the mask is `scope * alpha`, and the next scope is `scope * (1 - alpha)`. The
    last mask is the remaining scope. The only parameter is `log_sigma`, the log scale
    of the kernel, which Eq. 4 initialises such that the K masks are patches of similar
    size.

    With `flexible_slots` the process stops for an image when the next mask would sum to
    less than `min_mask_pixels`: this mask is dropped, and the scope before it becomes
    the last mask. The loop runs on the whole batch, where each image has its own
    stopping point, and ends when all images have stopped or K - 1 masks exist.

    Since alpha is at most 0.99, a small part of each pixel always remains, and with it
    a last mask, even when all objects have been found. With `drop_small_remainder` (not
    in the paper) the process also stops at a mask that would leave less than
    `min_mask_pixels`. This mask takes the remaining scope and becomes the last one, so
    that the number of slots is the number of regions found, not one more.

    Args:
        num_slots: K, at least 1; Eq. 4 depends on it.
        kernel: "gaussian", "laplacian" or "epanechnikov" (Eq. 3).
        hard_masks: Whether each pixel belongs to a single slot: alpha is rounded to 1
            if it is at least 0.5, else to 0, and gradients are those of the soft masks
            (straight-through; Section 3.1).
        normalization: "stick_breaking", or "softmax": the process then only selects K
            seeds, and the masks are a softmax over their kernels, which makes them
            equivariant to the order of the seeds (Section 3.1).
        log_sigma_rate: Learning rate of `log_sigma` relative to the other parameters,
            for optimisers that, like Adam, are invariant to the scale of gradients.
        drop_small_remainder: Whether `flexible_slots` avoids a last mask that sums to
            less than `min_mask_pixels`.
        background_share: Share of the border of the image from which on a mask is part
            of the background; all such masks become one (`merge_background`, not in
            the paper). 0 merges none.
        edge_share: Share of an object's colour in the mixed colour of a pixel at its
            edge from which on the pixel is the object's (`assign_mixed_pixels`, not in
            the paper); at most 1. 0 leaves all pixels where they are.
        seed: Random seed of `seed_scores`.
        **kwargs: Keyword arguments of `keras.layers.Layer`.

    Call arguments:
        embeddings: `[B, H, W, D]`.
        num_slots: Number of slots K of this call; defaults to that of the constructor.
        flexible_slots: Whether images may stop early.
        min_mask_pixels: Threshold of `flexible_slots`, in pixels.
        seed_scores: `[B, H, W]` in (0, 1); sampled from U(0, 1) if None.
        images: `[B, H, W, 3]` in [0, 1]; only required with `edge_share`.

    Returns:
        A dict of `masks` and `log_masks` `[B, K, H, W, 1]`, the attention masks, which
        sum to 1 over K (unused slots have log mask -1e10); `num_slots [B]` int32;
        `seeds [B, K]` int32, the index of each slot's seed pixel, in row-major order.

    Raises:
        ValueError: If `num_slots < 1`, the kernel or normalisation is unknown, or
            `images` is missing and `edge_share` not 0.

    Example:
        >>> out = InstanceColouring(num_slots=4)(tf.random.uniform([2, 8, 8, 8]))
        >>> out["log_masks"].shape
        TensorShape([2, 4, 8, 8, 1])
    """

    def __init__(
        self,
        num_slots: int,
        kernel: str = "gaussian",
        hard_masks: bool = False,
        normalization: str = "stick_breaking",
        log_sigma_rate: float = 1.0,
        drop_small_remainder: bool = False,
        background_share: float = 0.0,
        edge_share: float = 0.0,
        seed: int | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.num_slots = integer("num_slots", num_slots, least=1)
        self.kernel = choice("kernel", kernel, sorted(KERNELS))
        self.hard_masks = boolean("hard_masks", hard_masks)
        self.normalization = choice("normalization", normalization, NORMALIZATIONS)
        self.log_sigma_rate = number("log_sigma_rate", log_sigma_rate, above=0)
        self.drop_small_remainder = boolean(
            "drop_small_remainder", drop_small_remainder
        )
        self.background_share = number(
            "background_share", background_share, least=0, most=1
        )
        self.edge_share = number("edge_share", edge_share, least=0, most=1)
        self.random = RandomSource(seed, name="random")
        self.seed = self.random.seed

    def build(self, input_shape: Shape) -> None:
        start = initial_log_sigma(self.kernel, self.num_slots)
        # Adam moves every weight by about the learning rate, so a weight that is
        # multiplied by a rate of 0.1 makes log_sigma learn ten times slower.
        self.scaled_log_sigma = self.add_weight(
            shape=(),
            initializer=keras.initializers.Constant(start / self.log_sigma_rate),
            name="scaled_log_sigma",
            dtype="float32",
            autocast=False,
        )

    @property
    def log_sigma(self) -> Tensor:
        """The logarithm of the kernel's scale sigma (Eq. 3), a scalar tensor."""
        return self.scaled_log_sigma * self.log_sigma_rate

    def call(
        self,
        embeddings: Tensor,
        num_slots: int | Tensor | None = None,
        flexible_slots: bool = False,
        min_mask_pixels: float = 20.0,
        seed_scores: Tensor | None = None,
        images: Tensor | None = None,
    ) -> Outputs:
        num_slots = self.num_slots if num_slots is None else num_slots
        num_slots = integer("num_slots", num_slots, least=1)
        if not tf.is_tensor(min_mask_pixels):
            min_mask_pixels = number("min_mask_pixels", min_mask_pixels, least=0)
        embeddings = tf.cast(embeddings, "float32")
        batch = tf.shape(embeddings)[0]
        height, width, dim = embeddings.shape[1:]
        pixels = tf.reshape(embeddings, [batch, height * width, dim])
        if seed_scores is None:
            seed_scores = self.random.uniform([batch, height, width])
        seed_scores = tf.reshape(tf.cast(seed_scores, "float32"), [batch, -1])

        if flexible_slots:
            log_masks, used, seeds = self._flexible(
                pixels, seed_scores, num_slots, min_mask_pixels
            )
        else:
            log_masks, seeds = self._fixed(pixels, seed_scores, num_slots)
            used = tf.fill([batch], num_slots)
        masks, log_masks = self._finish(pixels, seeds, used, log_masks)
        shape = [batch, num_slots, height, width, 1]
        slots = {
            "masks": tf.reshape(masks, shape),
            "log_masks": tf.reshape(log_masks, shape),
            "num_slots": used,
            "seeds": seeds,
        }
        if self.background_share:
            slots = merge_background(slots, self.background_share)
        if self.edge_share:
            slots = assign_mixed_pixels(images, slots, self.edge_share)
        return slots if flexible_slots else {**slots, "num_slots": used}

    def _select(self, pixels, seed_scores, log_scope):
        """Runs a step; returns the seed pixel `[B]` and alpha `[B, HW]`."""
        seed = tf.argmax(seed_scores * tf.exp(log_scope), axis=-1, output_type="int32")
        return seed, self._alpha(pixels, seed)

    def _alpha(self, pixels, seed):
        """Returns the kernel between all pixels and the pixel `seed [B]`, `[B, HW]`."""
        seed_embedding = tf.gather(pixels, seed, batch_dims=1)[:, None]  # [B, 1, D]
        squared_distance = tf.reduce_sum(tf.square(pixels - seed_embedding), axis=-1)
        return KERNELS[self.kernel](squared_distance, tf.exp(self.log_sigma))

    def _break(self, log_scope, alpha):
        if self.hard_masks:
            # With hard clusters, seeds lie outside all earlier clusters.
            member = tf.stop_gradient(alpha) >= 0.5
            nothing = tf.constant(LOG_ZERO)
            mask = tf.where(member, log_scope, nothing)
            return mask, tf.where(member, nothing, log_scope)
        return break_stick(log_scope, clamp_value(alpha, _ALPHA_MIN, _ALPHA_MAX))

    def _fixed(self, pixels, seed_scores, num_slots):
        log_scope = tf.zeros_like(seed_scores)
        log_masks, seeds = [], []
        for _ in range(num_slots - 1):
            seed, alpha = self._select(pixels, seed_scores, log_scope)
            log_mask, log_scope = self._break(log_scope, alpha)
            log_masks.append(log_mask)
            seeds.append(seed)
        # The last mask has no seed, but the softmax needs one: the next candidate.
        seeds.append(self._select(pixels, seed_scores, log_scope)[0])
        return tf.stack([*log_masks, log_scope], axis=1), tf.stack(seeds, axis=1)

    def _flexible(self, pixels, seed_scores, num_slots, min_mask_pixels):
        """The while loop; its state has each image's masks and whether it is active."""
        batch, num_pixels = tf.unstack(tf.shape(seed_scores))
        min_mask_pixels = tf.cast(min_mask_pixels, "float32")
        slots = tf.range(num_slots)

        def more(step, active, *_):
            return tf.logical_and(step < num_slots - 1, tf.reduce_any(active))

        def body(step, active, count, log_scope, log_masks, seeds):
            seed, alpha = self._select(pixels, seed_scores, log_scope)
            log_mask, next_scope = self._break(log_scope, alpha)
            active &= _sum_of(log_mask) >= min_mask_pixels
            if self.drop_small_remainder:
                active &= _sum_of(next_scope) >= min_mask_pixels
            added = active[:, None, None] & (slots == step)[None, :, None]
            return (
                step + 1,
                active,
                count + tf.cast(active, "int32"),
                tf.where(active[:, None], next_scope, log_scope),
                tf.where(added, log_mask[:, None], log_masks),
                tf.where(added[..., 0], seed[:, None], seeds),
            )

        _, _, count, log_scope, log_masks, seeds = tf.while_loop(
            more,
            body,
            (
                tf.constant(0),
                tf.ones([batch], "bool"),
                tf.zeros([batch], "int32"),
                tf.zeros_like(seed_scores),
                tf.fill([batch, num_slots, num_pixels], LOG_ZERO),
                tf.zeros([batch, num_slots], "int32"),
            ),
            maximum_iterations=num_slots,  # XLA needs a static bound for gradients
        )
        last = slots == count[:, None]  # [B, K]
        log_masks = tf.where(last[..., None], log_scope[:, None], log_masks)
        last_seed = self._select(pixels, seed_scores, log_scope)[0]
        return log_masks, count + 1, tf.where(last, last_seed[:, None], seeds)

    def _finish(self, pixels, seeds, used, log_masks):
        """Applies the variants; returns masks and log masks, `[B, K, HW]`."""
        softmax = self.normalization == "softmax"
        if softmax:
            log_masks = softmax_masks(self._alphas(pixels, seeds), used)
        if not self.hard_masks:
            return tf.exp(log_masks), log_masks
        if softmax:
            log_soft, log_masks = log_masks, hard_maximum(log_masks)
        else:
            alphas = clamp_value(self._alphas(pixels, seeds), _ALPHA_MIN, _ALPHA_MAX)
            log_soft = stick_breaking_masks(alphas)
        return straight_through(log_soft, log_masks)

    def _alphas(self, pixels, seeds):
        """Returns the kernels of all seeds `[B, K]`, `[B, K, HW]`."""
        return tf.stack(
            [self._alpha(pixels, seed) for seed in tf.unstack(seeds, axis=1)], axis=1
        )

    def compute_output_shape(self, input_shape: Shape) -> dict[str, Shape]:
        batch, height, width, _ = input_shape
        masks = (batch, self.num_slots, height, width, 1)
        return {
            "masks": masks,
            "log_masks": masks,
            "num_slots": (batch,),
            "seeds": (batch, self.num_slots),
        }

    def get_config(self) -> Config:
        names = (
            "num_slots kernel hard_masks normalization log_sigma_rate "
            "drop_small_remainder background_share edge_share seed"
        )
        return {
            **super().get_config(),
            **{name: getattr(self, name) for name in names.split()},
        }


def _sum_of(log_mask):
    """Returns the sum of a mask over the pixels, `[B, HW]` -> `[B]`."""
    return tf.reduce_sum(tf.exp(log_mask), axis=-1)
