"""The output format: the dict that every model returns.

All values are float32 unless stated otherwise, for B images of H x W pixels, K slots
and latents of size D. `masks` are the attention masks m, `object_masks` the decoded
masks pi; both sum to 1 over K, and are identical for models with only one kind of
masks. Unused slots (with flexible K) have log masks of -1e10.
"""

from genesis_keras.types import Outputs

OUTPUTS = {
    "reconstruction": "[B, H, W, 3], components mixed by the masks of the likelihood",
    "components": "[B, K, H, W, 3], RGB mean of each slot",
    "masks": "[B, K, H, W, 1]",
    "log_masks": "[B, K, H, W, 1]",
    "log_object_masks": "[B, K, H, W, 1]",
    "num_slots": "[B] int32, slots in use",
    "latents": "[B, K, D], the posterior sample z",
    "posterior_mean": "[B, K, D]",
    "posterior_scale": "[B, K, D]",
    "prior_mean": "[B, K, D], mean of the prior given the slots before; with "
    "`prior_couplings`, of the values that the flow maps latents to",
    "prior_scale": "[B, K, D], its standard deviation, likewise",
    "reconstruction_error": "[B], -log p(x | z), nats per image; without a "
    "likelihood the squared error, summed over pixels and channels",
    "kl_latents": "[B, K], log q(z) - log p(z) at the sample, nats",
    "kl_masks": "[B], mask consistency or mask KL, nats; 0 where a model has none",
    "elbo": "[B], the evidence lower bound that is reported, nats per image; NaN "
    "without a likelihood",
}
"""Keys of the output dict, with shapes and units."""


def check_outputs(outputs: Outputs) -> Outputs:
    """Returns `outputs` after checking that its keys are exactly those of `OUTPUTS`.

    Args:
        outputs: The output dict of a model.

    Raises:
        ValueError: If a key is missing or unknown.
    """
    if outputs.keys() != OUTPUTS.keys():
        raise ValueError(
            f"outputs miss {sorted(OUTPUTS.keys() - outputs.keys())} and have "
            f"unknown {sorted(outputs.keys() - OUTPUTS.keys())}"
        )
    return outputs
