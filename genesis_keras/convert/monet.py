"""MONet-G of the release: its flags and the names of its weights."""

from typing import TYPE_CHECKING

from genesis_keras.convert import component_vae, layout
from genesis_keras.models.monet import Monet
from genesis_keras.types import Arrays, Config, Model, Outputs, Tensor

if TYPE_CHECKING:
    from genesis_keras.convert.layout import Weight


def build(state: Arrays, flags: Config) -> Model:
    """Returns an untrained `Monet` with the sizes of the weights and flags.

    Args:
        state: The release's state dict, name -> array.
        flags: The release's flags: `img_size`, `K_steps`, and any that is "scope".
    """
    return Monet(
        image_size=int(flags["img_size"]),
        num_slots=int(flags["K_steps"]),
        mask_prior=_mask_prior(flags),
        component_latent_dim=component_vae.latent_dim(state),
        attention_filters=int(state["att_process.core.down.0.1.weight"].shape[0]),
        pixel_scale=component_vae.pixel_scale(state),
        name="monet",
    )


def _mask_prior(flags):
    """Returns how masks are reconstructed, from a flag of any name."""
    is_scope = "scope" in flags.values() or flags["model"].endswith("_scope")
    return "scope" if is_scope else "softmax"


def weights(model: Model) -> "list[Weight]":
    """Returns the list of `layout.Weight` of a `Monet`."""
    return [
        *layout.unet(model.attention.core, "att_process.core"),
        *layout.conv(model.attention.project, "att_process.core.final_conv"),
        *component_vae.weights(model.component_encoder, model.component_decoder),
    ]


def draws(model: Model, arrays: Arrays) -> Arrays:
    """Returns the recorded random numbers as arguments of `call`."""
    return {"noise": component_vae.noise(arrays, 0, model.num_slots)}


def outputs(model: Model, images: Tensor, outputs: Outputs) -> Outputs:
    """Returns tensors that a recording stores under other names: none."""
    return {}


def without_gradient(training: bool) -> dict[str, str]:
    """Returns weights without gradients: none."""
    return {}
