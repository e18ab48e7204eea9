"""GENESIS of the release: its flags and the names of its weights."""

from typing import TYPE_CHECKING

import numpy as np
import tensorflow as tf

from genesis_keras.convert import component_vae, layout
from genesis_keras.models.genesis import Genesis
from genesis_keras.types import Arrays, Config, Model, Outputs, Tensor

if TYPE_CHECKING:
    from genesis_keras.convert.layout import Weight

_ATTENTION = "att_process"
_CORE = f"{_ATTENTION}.core"
_ENCODER, _DECODER = f"{_CORE}.q_z_nn", f"{_CORE}.p_x_nn"
_NUM_CONVOLUTIONS = 5
# Those with BatchNorm: the last gated convolution down and the first up have none.
_ENCODER_BLOCKS = [f"{_ENCODER}.{i}" for i in range(_NUM_CONVOLUTIONS)]
_DECODER_BLOCKS = [f"{_DECODER}.{i + 1}" for i in range(_NUM_CONVOLUTIONS)]


def build(state: Arrays, flags: Config) -> Model:
    """Returns an untrained `Genesis` with the sizes of the weights and flags.

    Args:
        state: The release's state dict, name -> array.
        flags: The release's flags: `img_size`, `K_steps`.
    """
    return Genesis(
        image_size=int(flags["img_size"]),
        num_slots=int(flags["K_steps"]),
        mask_latent_dim=int(state[f"{_CORE}.q_z_mean.bias"].shape[0]),
        component_latent_dim=component_vae.latent_dim(state),
        autoregressive_prior="prior_linear.weight" in state,
        pixel_scale=component_vae.pixel_scale(state),
        name="genesis",
    )


def weights(model: Model) -> "list[Weight]":
    """Returns the list of `layout.Weight` of a `Genesis`."""
    encoder, decoder = model.mask_encoder, model.mask_decoder
    posterior = model.mask_posterior
    return [
        *_blocks(encoder.convolutions, _ENCODER_BLOCKS),
        *_gated_dense(encoder.project, f"{_ENCODER}.{_NUM_CONVOLUTIONS}.conv"),
        *_heads(posterior.first),
        *layout.lstm(posterior.cell, f"{_ATTENTION}.lstm"),
        *layout.dense(posterior.project, f"{_ATTENTION}.linear"),
        *_expansion(decoder, f"{_DECODER}.0.conv"),
        *_blocks(decoder.convolutions, _DECODER_BLOCKS),
        *layout.conv(decoder.project, f"{_CORE}.p_x_mean"),
        *component_vae.weights(model.component_encoder, model.component_decoder),
        *(_mask_prior(model.mask_prior) if model.autoregressive_prior else ()),
        *_component_prior(model.component_prior),
    ]


def _blocks(layers, names):
    # [out, in, H, W] becomes [H, W, in, out]; for transposed convolutions [in, out, H,
    # W] becomes [H, W, out, in], which is the same permutation.
    for layer, name in zip(layers, names, strict=True):
        yield layout.Weight(
            (f"{name}.conv.weight",), layer.kernel, lambda w: w.transpose(2, 3, 1, 0)
        )
        yield layout.Weight((f"{name}.conv.bias",), layer.bias)
        norm = layer.norm
        for theirs, ours in (
            ("weight", norm.gamma),
            ("bias", norm.beta),
            ("running_mean", norm.moving_mean),
            ("running_var", norm.moving_variance),
        ):  # of features and gates
            names = (f"{name}.h_norm.{theirs}", f"{name}.g_norm.{theirs}")
            yield layout.Weight(names, ours, joined=True)


def _gated_dense(layer, name):
    """Yields the weights of a convolution over its whole input, `[out, C, H, W]`."""
    yield layout.Weight(
        (f"{name}.weight",),
        layer.kernel,
        lambda w: w.transpose(2, 3, 1, 0).reshape(-1, w.shape[0]),
    )
    yield layout.Weight((f"{name}.bias",), layer.bias)


def _expansion(decoder, name):
    """Yields the weights of a transposed convolution of one pixel, `[in, C, H, W]`."""
    yield layout.Weight(
        (f"{name}.weight",),
        decoder.expand.kernel,
        lambda w: w.transpose(0, 2, 3, 1).reshape(w.shape[0], -1),
    )
    yield layout.Weight((f"{name}.bias",), decoder.expand_bias)


def _heads(layer):
    names = (f"{_CORE}.q_z_mean", f"{_CORE}.q_z_var.0")
    for kind, variable, convert in (
        ("weight", layer.kernel, np.transpose),
        ("bias", layer.bias, np.asarray),
    ):
        parts = tuple(f"{name}.{kind}" for name in names)
        yield layout.Weight(parts, variable, convert, joined=True)


def _mask_prior(prior):
    yield from layout.lstm(prior.cell, "prior_lstm")
    yield from layout.dense(prior.project, "prior_linear")


def _component_prior(prior):
    for i, layer in enumerate([*prior.hidden, prior.project]):
        yield from layout.dense(layer, f"prior_mlp.{2 * i}")


def draws(model: Model, arrays: Arrays) -> Arrays:
    """Returns recorded noise of z_m and z_c as arguments of `call`."""
    num_slots = model.num_slots
    masks = [arrays[f"draw/eps/{k}"] for k in range(num_slots)]
    components = component_vae.noise(arrays, num_slots, num_slots)
    return {"noise": np.concatenate([np.stack(masks, axis=1), components], axis=-1)}


def outputs(model: Model, images: Tensor, outputs: Outputs) -> Outputs:
    """Returns tensors that a recording stores under other names: name -> tensor.

    A recording stores z_m (`att_`) and z_c (`comp_`), and their KLs, separately.
    """
    parts = {}
    for name, ours in (
        ("z", "latents"),
        ("mu", "posterior_mean"),
        ("sigma", "posterior_scale"),
        ("pmu", "prior_mean"),
        ("psigma", "prior_scale"),
    ):
        sizes = [model.mask_latent_dim, model.component_latent_dim]
        attention, component = tf.split(outputs[ours], sizes, axis=-1)
        parts[f"att_{name}_k"], parts[f"comp_{name}_k"] = attention, component
    parts["kl_m_k"], parts["kl_l_k"] = _kl(parts, "att"), _kl(parts, "comp")
    return parts


def _kl(parts, kind):
    """Returns `log q(z) - log p(z)` of each slot, computed explicitly."""
    z, mean, scale, prior_mean, prior_scale = (
        parts[f"{kind}_{name}_k"] for name in ("z", "mu", "sigma", "pmu", "psigma")
    )
    posterior = tf.square((z - mean) / scale) / 2.0 + tf.math.log(scale)
    prior = tf.square((z - prior_mean) / prior_scale) / 2.0 + tf.math.log(prior_scale)
    return tf.reduce_sum(prior - posterior, axis=-1)


def without_gradient(training: bool) -> dict[str, str]:
    """Returns weights without gradients: name -> weight that gives the scale.

    With the statistics of the batch, BatchNorm cancels the bias before it, whose
    gradient is thus only rounding errors.

    Args:
        training: Mode of the recording.
    """
    blocks = [*_ENCODER_BLOCKS, *_DECODER_BLOCKS] if training else []
    return {f"{name}.conv.bias": f"{name}.conv.weight" for name in blocks}
