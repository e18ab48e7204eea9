"""The layers of Slot Attention."""

import math

import keras

from genesis_keras.layers.cluster_slots import ClusterSlots
from genesis_keras.layers.position_embedding import PositionEmbedding
from genesis_keras.layers.region_embeddings import REGION_SETTINGS
from genesis_keras.layers.slot_attention import SlotAttention
from genesis_keras.types import Model, Shape

BROADCAST_SIDE = 8
"""Side of the grid to which the decoder broadcasts a slot."""

_NUM_CONVS = 4


def make_layers(model: Model) -> None:
    """Creates the layers of a `SlotAttentionModel`.

    Args:
        model: The model, with its settings as attributes.
    """
    _make_encoder(model)
    clusters = model.initial_slots == "clusters"
    if clusters:
        model.clusters = ClusterSlots(
            model.num_slots,
            model.slot_dim,
            seed=model.seed,
            **{name: getattr(model, name) for name in REGION_SETTINGS},
            dtype="float32",
            name="clusters",
        )
    model.attention = SlotAttention(
        model.num_slots,
        model.slot_dim,
        model.num_iterations,
        implicit_gradient=model.implicit_gradient,
        initial_slots="given" if clusters else model.initial_slots,
        seed=model.seed,
        dtype="float32",
        name="attention",
    )
    _make_decoder(model)


def build_layers(model: Model, input_shape: Shape) -> None:
    """Builds the layers that `make_layers` created.

    Args:
        model: The model.
        input_shape: Shape of the images, `(None, H, W, 3)`.
    """
    shape = input_shape
    for layer in model.encoder:
        layer.build(shape)
        shape = (*input_shape[:-1], model.filters)
    for layer in (model.encoder_positions, model.encoder_norm):
        layer.build(shape)
    for layer in (model.encoder_hidden, model.encoder_features):
        layer.build(shape)
    if model.initial_slots == "clusters":
        model.clusters.build((None, None, model.filters))
    model.attention.build((None, None, model.filters))
    shape = (None, BROADCAST_SIDE, BROADCAST_SIDE, model.slot_dim)
    model.decoder_positions.build(shape)
    for layer in (*model.decoder, model.decoder_output):
        layer.build(shape)
        shape = layer.compute_output_shape(shape)


def _make_encoder(model):
    policy = model.dtype_policy
    model.encoder = [
        _conv(keras.layers.Conv2D, model.filters, dtype=policy, name=f"encoder_{i}")
        for i in range(_NUM_CONVS)
    ]
    model.encoder_positions = PositionEmbedding(dtype=policy, name="encoder_positions")
    # All normalisations of this baseline use the epsilon of Keras.
    model.encoder_norm = keras.layers.LayerNormalization(
        epsilon=1e-3, dtype=policy, name="encoder_norm"
    )
    model.encoder_hidden = keras.layers.Dense(
        model.filters, activation="relu", dtype=policy, name="encoder_hidden"
    )
    model.encoder_features = keras.layers.Dense(
        model.filters, dtype=policy, name="encoder_features"
    )


def _make_decoder(model):
    policy = model.dtype_policy
    doublings = int(math.log2(model.image_size / BROADCAST_SIDE))
    model.decoder_positions = PositionEmbedding(dtype=policy, name="decoder_positions")
    model.decoder = [
        _conv(
            keras.layers.Conv2DTranspose,
            model.filters,
            strides=2,
            dtype=policy,
            name=f"decoder_{i}",
        )
        for i in range(doublings)
    ]
    # At stride 1 a transposed convolution is a plain convolution.
    model.decoder.append(
        _conv(
            keras.layers.Conv2D,
            model.filters,
            dtype=policy,
            name=f"decoder_{doublings}",
        )
    )
    model.decoder_output = keras.layers.Conv2D(
        4, 3, padding="same", dtype=policy, name="decoder_output"
    )


def _conv(layer_class, filters, **kwargs):
    return layer_class(filters, 5, padding="same", activation="relu", **kwargs)
