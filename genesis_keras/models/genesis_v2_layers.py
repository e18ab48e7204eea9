"""The layers of GENESIS-V2, and the settings that each of them receives."""

import functools

from genesis_keras.arguments import boolean, choice, integer
from genesis_keras.layers.autoregressive_prior import AutoregressivePrior
from genesis_keras.layers.blocks import NORM_GROUPS
from genesis_keras.layers.broadcast_decoder import BroadcastDecoder
from genesis_keras.layers.conv_block import ConvBlock
from genesis_keras.layers.instance_colouring import NORMALIZATIONS, InstanceColouring
from genesis_keras.layers.mixture_prior import MixturePrior
from genesis_keras.layers.object_pooling import ObjectPooling
from genesis_keras.layers.semi_convolution import SemiConvolution
from genesis_keras.layers.unet import UNet
from genesis_keras.objectives.mask_objective import MaskObjective
from genesis_keras.types import Config, Model, Shape

MAX_CHANNELS = 64  # upper limit of the decoder's channels for any feature_dim
# Constructor arguments by the layer that uses them; the base class has the others.
MASK_TERMS = tuple(MaskObjective.__dataclass_fields__)
_EMBEDDING = (
    "appearance_scale coordinate_scale final_appearance_scale final_coordinate_scale "
    "fade_start fade_steps region_passes region_edge_scale region_brightness "
    "appearance_offset kuwahara_passes gate_rate"
).split()
_COLOURING = (
    "kernel",
    "hard_masks",
    "log_sigma_rate",
    "drop_small_remainder",
    "background_share",
    "edge_share",
)
_POOLING = (
    "pooled_statistics",
    "glimpse_size",
    "stop_mask_gradient",
    "spatial_transformer",
)
SETTINGS = (
    "feature_dim object_latent_dim embedding_dim semi_convolution "
    "autoregressive_prior mask_normalization decoder_widening learned_prior_start "
    "prior_components prior_couplings"
).split() + [*_EMBEDDING, *_COLOURING, *_POOLING, *MASK_TERMS]

# Checks of the settings that are of no single layer; the layers check the others.
_CHECKS = {
    "feature_dim": functools.partial(
        integer, least=NORM_GROUPS, most=MAX_CHANNELS, multiple_of=NORM_GROUPS
    ),
    "object_latent_dim": functools.partial(integer, least=8, also=0),
    "decoder_widening": functools.partial(integer, least=1),
    "prior_components": functools.partial(integer, least=1, most=256),
    "prior_couplings": functools.partial(integer, least=0, most=32),
    "semi_convolution": boolean,
    "autoregressive_prior": boolean,
    "learned_prior_start": boolean,
    "mask_normalization": functools.partial(choice, choices=NORMALIZATIONS),
}


def decoder_filters(feature_dim: int, widening: int) -> tuple[int, ...]:
    """Returns the channels of the four blocks of the decoder, coarsest first.

    Args:
        feature_dim: F, channels of the finest two.
        widening: Factor from the third block to the second and to the first.
    """
    return tuple(feature_dim * widening**power for power in (2, 1, 0, 0))


def checked_settings(arguments: Config) -> Config:
    """Returns the `SETTINGS` among the constructor's arguments.

    Args:
        arguments: Dict of all arguments by name.

    Raises:
        ValueError: If a value is out of range or of the wrong type. `make_layers`
            raises it for settings that a layer checks.
    """
    settings = {name: arguments[name] for name in SETTINGS}
    checked = {name: check(name, settings[name]) for name, check in _CHECKS.items()}
    return settings | checked


def make_layers(model: Model) -> None:
    """Creates the layers of a `GenesisV2` and copies the settings they validated.

    Args:
        model: The model, with its settings as attributes.
    """
    policy = model.dtype_policy
    model.backbone = UNet(model.feature_dim, dtype=policy, name="backbone")
    model.segmentation_head = ConvBlock(
        model.feature_dim, dtype=policy, name="segmentation_head"
    )
    model.embedding_head = SemiConvolution(
        model.embedding_dim,
        use_coordinates=model.semi_convolution,
        **{name: getattr(model, name) for name in _EMBEDDING},
        dtype=policy,
        name="embedding_head",
    )
    model.instance_colouring = InstanceColouring(
        model.num_slots,
        normalization=model.mask_normalization,
        **{name: getattr(model, name) for name in _COLOURING},
        seed=model.seed,
        dtype="float32",
        name="instance_colouring",
    )
    model.pooling = ObjectPooling(
        model.feature_dim,
        model.latent_dim,
        **{name: getattr(model, name) for name in _POOLING},
        dtype=policy,
        name="pooling",
    )
    model.decoder = BroadcastDecoder(
        model.image_size,
        decoder_filters(model.feature_dim, model.decoder_widening),
        spatial_transformer=model.spatial_transformer,
        dtype=policy,
        name="decoder",
    )
    if model.autoregressive_prior:
        prior = AutoregressivePrior
        if model.prior_components > 1 or model.prior_couplings:
            prior = functools.partial(
                MixturePrior,
                components=model.prior_components,
                couplings=model.prior_couplings,
            )
        model.prior = prior(
            4 * model.latent_dim,
            learned_start=model.learned_prior_start,
            dtype="float32",
            name="prior",
        )
    _take_checked_values(model)


def _take_checked_values(model):
    # The layers validate these settings and convert them to plain Python numbers.
    for part, names in (
        (model.mask_objective, MASK_TERMS),
        (model.embedding_head, ["embedding_dim", *_EMBEDDING]),
        (model.pooling, _POOLING),
        (model.instance_colouring, _COLOURING),
    ):
        for name in names:
            setattr(model, name, getattr(part, name))


def build_layers(model: Model, input_shape: Shape) -> None:
    """Builds the layers that `make_layers` created.

    Args:
        model: The model.
        input_shape: Shape of the images, `(None, H, W, 3)`.
    """
    map_shape = (*input_shape[:-1], model.feature_dim)
    model.backbone.build(input_shape)
    model.segmentation_head.build(map_shape)
    model.embedding_head.build(map_shape)
    model.instance_colouring.build((*input_shape[:-1], model.embedding_dim))
    model.pooling.build(map_shape)
    model.decoder.build((None, model.num_slots, model.latent_dim))
    if model.autoregressive_prior:
        model.prior.build((None, model.num_slots, model.latent_dim))
