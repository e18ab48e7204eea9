"""GENESIS-V2 of the release: its flags and the names of its weights."""

from typing import TYPE_CHECKING

import numpy as np

from genesis_keras.convert import layout
from genesis_keras.models.genesis_v2 import GenesisV2
from genesis_keras.types import Arrays, Config, Model, Outputs, Tensor

if TYPE_CHECKING:
    from genesis_keras.convert.layout import Weight


def build(state: Arrays, flags: Config) -> Model:
    """Returns an untrained `GenesisV2` with the sizes of the weights and flags.

    Args:
        state: The release's state dict, name -> array.
        flags: The release's flags: `img_size`, `K_steps`, `kernel`, `klm_loss`.
    """
    return GenesisV2(
        image_size=int(flags["img_size"]),
        num_slots=int(flags["K_steps"]),
        feature_dim=int(state["z_head.0.weight"].shape[0]) // 2,
        kernel=flags.get("kernel", "gaussian"),
        semi_convolution="att_process.colour_head.gate.gate" in state,
        autoregressive_prior="prior_linear.weight" in state,
        mask_consistency=bool(flags.get("klm_loss", False)),
        pixel_scale=float(flags.get("pixel_std2", flags.get("pixel_std", 0.7))),
        name="genesis_v2",
    )


def weights(model: Model) -> "list[Weight]":
    """Returns the list of `layout.Weight` of a `GenesisV2`."""
    return [
        *layout.unet(model.backbone, "encoder"),
        *layout.block(model.segmentation_head, "seg_head"),
        *_embedding(model),
        *layout.block(model.pooling.block, "feat_head.0"),
        *layout.conv(model.pooling.project, "feat_head.1"),
        *layout.norm(model.pooling.norm, "z_head.0"),
        *layout.dense(model.pooling.hidden, "z_head.1"),
        *layout.dense(model.pooling.posterior, "z_head.3"),
        *_decoder(model.decoder, "decoder_module"),
        *(_prior(model.prior) if model.autoregressive_prior else ()),
    ]


def draws(model: Model, arrays: Arrays) -> Arrays:
    """Returns the recorded random numbers as arguments of `call`."""
    noise = [arrays[f"draw/eps/{k}"] for k in range(model.num_slots)]
    return {
        "seed_scores": arrays["draw/seed_scores/0"][:, 0],
        "noise": np.stack(noise, axis=1),
    }


def outputs(model: Model, images: Tensor, outputs: Outputs) -> Outputs:
    """Returns tensors that a recording stores under other names: name -> tensor."""
    embeddings, delta = model.embed(model.backbone(images))
    return {"colour": embeddings, "delta": delta}


def without_gradient(training: bool) -> dict[str, str]:
    """Returns weights without gradients: name -> weight that gives the scale.

    Kernels depend on differences of embeddings, in which a common bias cancels, so its
    gradient is only rounding errors.

    Args:
        training: Mode of the recording.
    """
    head = "att_process.colour_head"
    return {
        f"{head}.conv.bias": f"{head}.conv.weight",
        f"{head}.bias": f"{head}.weight",
    }


def _embedding(model):
    colouring, head = model.instance_colouring, model.embedding_head
    yield layout.Weight(
        ("att_process.log_sigma",),
        colouring.scaled_log_sigma,
        scale=1.0 / colouring.log_sigma_rate,
    )
    name = "att_process.colour_head"
    if model.semi_convolution:
        yield from layout.conv(head.conv, f"{name}.conv")
        yield layout.Weight(
            (f"{name}.gate.gate",), head.scaled_gate, scale=1.0 / head.gate_rate
        )
    else:
        yield from layout.conv(head.conv, name)


def _decoder(decoder, name):
    for i, block in enumerate(decoder.blocks):
        kernel = f"{name}.{3 * i + 1}"
        # Ours is [H, W, out, in], as for tf.nn.conv2d_transpose.
        yield layout.Weight(
            (f"{kernel}.weight",), block.kernel, lambda w: w.transpose(2, 3, 1, 0)
        )
        yield layout.Weight((f"{kernel}.bias",), block.bias)
        yield from layout.norm(block.norm, f"{name}.{3 * i + 2}")
    yield from layout.conv(decoder.project, f"{name}.{3 * len(decoder.blocks) + 1}")


def _prior(prior):
    yield from layout.lstm(prior.cell, "prior_lstm")
    yield from layout.dense(prior.project, "prior_linear")
