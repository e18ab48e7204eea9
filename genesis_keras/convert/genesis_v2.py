"""The release's GENESIS-V2: its flags and the names of its weights."""

import numpy as np

from genesis_keras.convert import layout
from genesis_keras.models.genesis_v2 import GenesisV2


def build(state, flags):
    """Returns an untrained `GenesisV2` of the shape that weights and flags tell.

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


def weights(model):
    """Returns the list of `layout.Weight` of a `GenesisV2`."""
    return [
        *_unet(model.backbone, "encoder"),
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


def _unet(unet, name):
    for direction, blocks in (("down", unet.down_blocks), ("up", unet.up_blocks)):
        for i, block in enumerate(blocks):
            yield from layout.block(block, f"{name}.{direction}.{i}")
    first, middle, last = unet.bottleneck
    channels = unet.down_blocks[-1].filters
    side = int(round((last.units // channels) ** 0.5))

    def flattened(weight):  # rows in the order (C, H, W) -> rows in (H, W, C)
        rest = weight.shape[1:]
        weight = weight.reshape(channels, side, side, *rest)
        return np.moveaxis(weight, 0, 2).reshape(-1, *rest)

    yield layout.Weight(
        (f"{name}.mlp.1.weight",), first.kernel, lambda w: flattened(w.T)
    )
    yield layout.Weight((f"{name}.mlp.1.bias",), first.bias)
    yield from layout.dense(middle, f"{name}.mlp.3")
    yield layout.Weight(
        (f"{name}.mlp.5.weight",), last.kernel, lambda w: flattened(w).T
    )
    yield layout.Weight((f"{name}.mlp.5.bias",), last.bias, flattened)


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
        # Ours is [H, W, out, in], as tf.nn.conv2d_transpose takes it.
        yield layout.Weight(
            (f"{kernel}.weight",), block.kernel, lambda w: w.transpose(2, 3, 1, 0)
        )
        yield layout.Weight((f"{kernel}.bias",), block.bias)
        yield from layout.norm(block.norm, f"{name}.{3 * i + 2}")
    yield from layout.conv(decoder.project, f"{name}.{3 * len(decoder.blocks) + 1}")


def _prior(prior):
    yield layout.Weight(("prior_lstm.weight_ih_l0",), prior.cell.kernel, np.transpose)
    yield layout.Weight(
        ("prior_lstm.weight_hh_l0",), prior.cell.recurrent_kernel, np.transpose
    )
    # The release's LSTM has two biases that are only ever added.
    yield layout.Weight(
        ("prior_lstm.bias_ih_l0", "prior_lstm.bias_hh_l0"), prior.cell.bias
    )
    yield from layout.dense(prior.project, "prior_linear")
