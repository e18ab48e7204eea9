"""Slot Attention (Locatello et al., NeurIPS 2020): a baseline that cannot generate."""

import math
import types
from typing import Any

import keras
import tensorflow as tf

from genesis_keras.arguments import boolean, integer, number
from genesis_keras.distributions.pixel_mixture import mixture_mean
from genesis_keras.layers.blocks import slots_of
from genesis_keras.layers.position_embedding import PositionEmbedding
from genesis_keras.layers.slot_attention import SlotAttention
from genesis_keras.models.base import SceneModel
from genesis_keras.models.outputs import check_outputs
from genesis_keras.objectives.mask_entropy import mask_entropy
from genesis_keras.types import Config, Outputs, Shape, Tensor

_NUM_CONVS = 4
_BROADCAST_SIDE = 8
_BOTH_KINDS = ("log_masks", "log_object_masks")


@keras.saving.register_keras_serializable("genesis_keras")
class SlotAttentionModel(SceneModel):
    """Segments images into slots by iterative attention; an autoencoder.

    image -> convolutions at full resolution -> position embedding -> slot attention ->
    broadcast decoder for each slot -> softmax of the mask logits over the slots. The
    loss is the mean squared error, here with an optional penalty on slots that share
    pixels. There is neither a likelihood nor a prior, so the model cannot generate
    scenes.

    Args:
        image_size: Side of the images in pixels: 32, 64, 128 (a power of two, at least
            8).
        num_slots: Number of slots K in training; a call may use another K.
        num_iterations: Iterations of the attention; a call may use another number.
        slot_dim: Size D of a slot.
        filters: Number of channels C of encoder and decoder.
        implicit_gradient: See `SlotAttention`; False in the paper.
        learned_slots: See `SlotAttention`; False in the paper.
        mask_entropy: Weight of the entropies of both kinds of masks in the loss; 0 in
            the paper.
        seed: Random seed.
        **kwargs: Keyword arguments of `keras.Model`.

    Call arguments:
        images: `[B, H, W, 3]` floats in [0, 1].
        num_slots: Number of slots K of this call; defaults to that of the constructor.
        num_iterations: Iterations of this call; defaults to that of the constructor.
        noise: Standard normal noise of random initial slots `[B, K, D]`; sampled if
            None.

    Returns:
        The dict of `genesis_keras.models.outputs`: `masks` are the attention of the
        last iteration; latents and their posterior mean are the slots; statistics that
        the model does not have are 0, and the ELBO is NaN. Colours are not passed
        through a sigmoid, so they may lie outside [0, 1].

    Raises:
        ValueError: If an argument or the shape or type of the images is wrong.

    Example:
        >>> model = SlotAttentionModel(image_size=32, num_slots=4)
        >>> model(tf.zeros([2, 32, 32, 3]))["log_masks"].shape
        TensorShape([2, 4, 32, 32, 1])
    """

    has_likelihood = False
    image_sizes = types.MappingProxyType(
        {"least": _BROADCAST_SIDE, "power_of_two": True}
    )

    def __init__(
        self,
        image_size: int = 64,
        num_slots: int = 7,
        num_iterations: int = 3,
        slot_dim: int = 64,
        filters: int = 64,
        implicit_gradient: bool = False,
        learned_slots: bool = False,
        mask_entropy: float = 0.0,
        seed: int | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(image_size, num_slots, seed=seed, **kwargs)
        self.num_iterations = integer("num_iterations", num_iterations, least=1)
        self.slot_dim = integer("slot_dim", slot_dim, least=1)
        self.filters = integer("filters", filters, least=1)
        self.implicit_gradient = boolean("implicit_gradient", implicit_gradient)
        self.learned_slots = boolean("learned_slots", learned_slots)
        self.mask_entropy = number("mask_entropy", mask_entropy, least=0.0)
        self._make_encoder()
        self.attention = SlotAttention(
            self.num_slots,
            self.slot_dim,
            self.num_iterations,
            implicit_gradient=self.implicit_gradient,
            learned_slots=self.learned_slots,
            seed=self.seed,
            dtype="float32",
            name="attention",
        )
        self._make_decoder(int(math.log2(self.image_size / _BROADCAST_SIDE)))
        self.build((None, self.image_size, self.image_size, 3))

    def _make_encoder(self):
        policy = self.dtype_policy
        self.encoder = [
            _conv(keras.layers.Conv2D, self.filters, dtype=policy, name=f"encoder_{i}")
            for i in range(_NUM_CONVS)
        ]
        self.encoder_positions = PositionEmbedding(
            dtype=policy, name="encoder_positions"
        )
        # All normalisations of this baseline use the epsilon of Keras.
        self.encoder_norm = keras.layers.LayerNormalization(
            epsilon=1e-3, dtype=policy, name="encoder_norm"
        )
        self.encoder_hidden = keras.layers.Dense(
            self.filters, activation="relu", dtype=policy, name="encoder_hidden"
        )
        self.encoder_features = keras.layers.Dense(
            self.filters, dtype=policy, name="encoder_features"
        )

    def _make_decoder(self, num_doublings):
        policy = self.dtype_policy
        self.decoder_positions = PositionEmbedding(
            dtype=policy, name="decoder_positions"
        )
        self.decoder = [
            _conv(
                keras.layers.Conv2DTranspose,
                self.filters,
                strides=2,
                dtype=policy,
                name=f"decoder_{i}",
            )
            for i in range(num_doublings)
        ]
        # At stride 1 a transposed convolution is a plain convolution.
        self.decoder.append(
            _conv(
                keras.layers.Conv2D,
                self.filters,
                dtype=policy,
                name=f"decoder_{num_doublings}",
            )
        )
        self.decoder_output = keras.layers.Conv2D(
            4, 3, padding="same", dtype=policy, name="decoder_output"
        )

    def build(self, input_shape: Shape) -> None:
        if self.built:
            return
        shape = input_shape
        for layer in self.encoder:
            layer.build(shape)
            shape = (*input_shape[:-1], self.filters)
        for layer in (self.encoder_positions, self.encoder_norm):
            layer.build(shape)
        for layer in (self.encoder_hidden, self.encoder_features):
            layer.build(shape)
        self.attention.build((None, None, self.filters))
        shape = (None, _BROADCAST_SIDE, _BROADCAST_SIDE, self.slot_dim)
        self.decoder_positions.build(shape)
        for layer in (*self.decoder, self.decoder_output):
            layer.build(shape)
            shape = layer.compute_output_shape(shape)
        self.built = True

    def call(
        self,
        images: Tensor,
        training: bool = False,
        num_slots: int | Tensor | None = None,
        num_iterations: int | None = None,
        noise: Tensor | None = None,
    ) -> Outputs:
        images = self.check_images(images)
        num_slots = self.check_slots(num_slots)
        if noise is None:
            noise = self.random.normal([tf.shape(images)[0], num_slots, self.slot_dim])
        features = self.encode(images)  # [B, HW, C]
        slots, log_masks = self.attention(
            features, num_slots=num_slots, num_iterations=num_iterations, noise=noise
        )  # [B, K, D], [B, K, HW]
        log_masks = tf.reshape(log_masks, [-1, num_slots, *images.shape[1:3], 1])
        decoded = self._decode_slots(slots)
        squared_error = tf.square(images - decoded["reconstruction"])
        zeros = tf.zeros_like(slots)
        return check_outputs(
            {
                **decoded,
                "masks": tf.exp(log_masks),
                "log_masks": log_masks,
                "num_slots": tf.fill([tf.shape(images)[0]], num_slots),
                "latents": slots,
                "posterior_mean": slots,
                "posterior_scale": zeros,
                "prior_mean": zeros,
                "prior_scale": zeros,
                "reconstruction_error": tf.reduce_sum(squared_error, axis=[1, 2, 3]),
                "kl_latents": zeros[:, :, 0],
                "kl_masks": zeros[:, 0, 0],
                "elbo": tf.fill([tf.shape(images)[0]], math.nan),
            }
        )

    @property
    def latent_dim(self) -> int:
        """D, the size of a slot."""
        return self.slot_dim

    def encode(self, images: Tensor) -> Tensor:
        """Maps images `[B, H, W, 3]` to pixel features `[B, HW, C]`."""
        x = images
        for layer in self.encoder:
            x = layer(x)  # [B, H, W, C]
        x = self.encoder_norm(self.encoder_positions(x))
        x = self.encoder_features(self.encoder_hidden(x))
        return tf.cast(tf.reshape(x, [-1, self.image_size**2, self.filters]), "float32")

    def decode(self, slots: Tensor) -> Outputs:
        """Decodes slots into a scene; edit them to edit the scene.

        Args:
            slots: `[B, K, D]`.

        Returns:
            Dict of `components [B, K, H, W, 3]`, `log_object_masks [B, K, H, W, 1]`
            and `reconstruction [B, H, W, 3]`.

        Raises:
            ValueError: If the slots are not finite, or of another shape.
        """
        return self._decode_slots(self.check_latents(slots))

    def _decode_slots(self, slots):
        num_slots, side = slots_of(slots), self.image_size
        x = tf.reshape(slots, [-1, 1, 1, self.slot_dim])
        x = tf.tile(x, [1, _BROADCAST_SIDE, _BROADCAST_SIDE, 1])  # [B*K, 8, 8, D]
        x = self.decoder_positions(x)
        for layer in self.decoder:
            x = layer(x)  # [B*K, 8 * 2^i, 8 * 2^i, C]
        x = tf.cast(self.decoder_output(x), "float32")
        x = tf.reshape(x, [-1, num_slots, side, side, 4])
        components, logits = tf.split(x, [3, 1], axis=-1)
        log_object_masks = tf.nn.log_softmax(logits, axis=1)
        return {
            "components": components,
            "log_object_masks": log_object_masks,
            "reconstruction": mixture_mean(log_object_masks, components),
        }

    def training_loss(self, outputs: Outputs, beta: Tensor, images: Tensor) -> Tensor:
        """Returns the mean squared error over images, pixels and channels.

        With `mask_entropy`, the weighted entropies of attention masks and object
        masks are added.
        """
        values = self.image_size**2 * 3
        loss = tf.reduce_mean(outputs["reconstruction_error"]) / values
        if self.mask_entropy:
            entropies = (mask_entropy(outputs[name]) for name in _BOTH_KINDS)
            loss += self.mask_entropy * tf.add_n(list(entropies))
        return loss

    def get_config(self) -> Config:
        return {
            **super().get_config(),
            "num_iterations": self.num_iterations,
            "slot_dim": self.slot_dim,
            "filters": self.filters,
            "implicit_gradient": self.implicit_gradient,
            "learned_slots": self.learned_slots,
            "mask_entropy": self.mask_entropy,
        }


def _conv(layer_class, filters, **kwargs):
    return layer_class(filters, 5, padding="same", activation="relu", **kwargs)
