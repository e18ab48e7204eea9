"""Replays recordings of the release and compares every tensor."""

import dataclasses
import json

import numpy as np
import tensorflow as tf

from genesis_keras.convert import genesis_v2, layout
from genesis_keras.objectives.elbo import weighted_loss
from genesis_keras.objectives.geco import GecoSettings, geco_update

RECORDED_BETA = 0.5  # weight of the KL terms in the recorded loss
ABSOLUTE, RELATIVE, RELATIVE_GRADIENT = 1e-4, 1e-5, 1e-3
RELATIVE_GECO = 1e-3  # of beta after thousands of float32 multiplications

# Name in the recording -> our output, and whether its errors are relative.
_OUTPUTS = {
    "recon": ("reconstruction", False),
    "x_r_k": ("components", False),
    "log_m_k": ("log_masks", False),
    "log_m_r_k": ("log_object_masks", False),
    "colour": ("embeddings", False),
    "delta": ("delta", False),
    "comp_mu_k": ("posterior_mean", False),
    "comp_sigma_k": ("posterior_scale", False),
    "comp_z_k": ("latents", False),
    "comp_pmu_k": ("prior_mean", False),
    "comp_psigma_k": ("prior_scale", False),
    "err": ("reconstruction_error", True),
    "kl_l_k": ("kl_latents", False),
    "kl_m_k": ("kl_masks", True),
    "loss": ("loss", True),
}
# Kernels see differences of embeddings, so a bias common to all has no gradient but
# rounding; its error is measured against the gradient of the same layer's weight.
_ROUNDING_ONLY = {
    "att_process.colour_head.conv.bias": "att_process.colour_head.conv.weight",
    "att_process.colour_head.bias": "att_process.colour_head.weight",
}
_CHANNELS_FIRST = ("recon", "x_r_k", "log_m_k", "log_m_r_k", "colour", "delta")


@dataclasses.dataclass(frozen=True)
class Comparison:
    """One line of the verification: the error of a tensor and what it may be."""

    name: str
    error: float
    tolerance: float

    @property
    def passed(self):
        """Whether the error is within tolerance; NaN is not."""
        return self.error <= self.tolerance

    def __str__(self):
        verdict = "ok" if self.passed else "FAILED"
        return f"{self.name:44} {self.error:9.2e} (<= {self.tolerance:.0e}) {verdict}"


def verify(path):
    """Replays a recording of the release and compares every tensor in it.

    Args:
        path: An `.npz` file as the recordings' README describes it: a pass of
            GENESIS-V2, or a trace of GECO.

    Returns:
        List of `Comparison`.

    Raises:
        ValueError: The file cannot be read, or is a recording of something else.
    """
    arrays = layout.load_archive(path)
    if "err_ema_after" in arrays:
        return list(_verify_geco(arrays))
    if "meta" not in arrays:
        raise ValueError(f"{str(path)!r} has no 'meta': it is not a recording")
    flags = json.loads(str(arrays["meta"]))
    if not flags["model"].startswith("genesisv2"):
        raise ValueError(f"no model here replays the recording of {flags['model']!r}")
    return _verify_genesis_v2(arrays, flags)


def _verify_genesis_v2(arrays, flags):
    state = layout.with_prefix(arrays, "state/")
    model = genesis_v2.build(state, flags)
    weights = genesis_v2.weights(model)
    layout.load_weights(weights, state)
    noise = [arrays[f"draw/eps/{k}"] for k in range(int(flags["K_steps"]))]

    @tf.function
    def replay(images, seed_scores, noise):
        with tf.GradientTape() as tape:
            outputs = model(images, training=True, seed_scores=seed_scores, noise=noise)
            outputs["loss"] = weighted_loss(outputs, RECORDED_BETA)
        gradients = tape.gradient(
            outputs["loss"], [weight.variable.value for weight in weights]
        )
        outputs["embeddings"], outputs["delta"] = model.embed(model.backbone(images))
        return outputs, gradients

    outputs, gradients = replay(
        tf.constant(layout.images_last(arrays["in/x"])),
        tf.constant(arrays["draw/seed_scores/0"][:, 0]),
        tf.constant(np.stack(noise, axis=1)),
    )
    outputs = {name: value.numpy() for name, value in outputs.items()}
    return [
        *_compare_outputs(arrays, outputs),
        *_compare_gradients(arrays, weights, gradients),
    ]


def _compare_outputs(arrays, outputs):
    for name, recorded in layout.with_prefix(arrays, "out/").items():
        if name not in _OUTPUTS:
            raise ValueError(f"the recording has an unknown output {name!r}")
        ours_name, relative = _OUTPUTS[name]
        ours = outputs[ours_name]
        if name in _CHANNELS_FIRST:
            recorded = layout.images_last(recorded)
        if name.startswith("log_m"):  # masks, not their logarithms, have a scale
            recorded, ours = np.exp(recorded), np.exp(ours)
        if name == "kl_m_k":
            recorded = recorded.sum(axis=-1)
        if name.startswith("comp_p") and recorded.shape[1] < ours.shape[1]:
            ours = ours[:, 1:]  # the release leaves N(0, 1) of the first slot out
        yield _compare(f"out/{name}", recorded, ours, relative)


def _compare(name, recorded, ours, relative):
    if recorded.shape != ours.shape:
        raise ValueError(f"{name} has shape {recorded.shape}, ours {ours.shape}")
    error = np.max(np.abs(recorded - ours))
    if not relative:
        return Comparison(name, float(error), ABSOLUTE)
    scale = max(float(np.max(np.abs(recorded))), 1.0)
    return Comparison(name, float(error) / scale, RELATIVE)


def _compare_gradients(arrays, weights, gradients):
    recorded = layout.with_prefix(arrays, "grad/")
    norms = layout.with_prefix(arrays, "gradnorm/")
    for weight, gradient in zip(weights, gradients, strict=True):
        # Biases that are added up have the same gradient: that of the first.
        name = weight.names[0]
        ours = tf.convert_to_tensor(gradient).numpy() * weight.scale
        if name in recorded:
            error = np.linalg.norm(ours - weight.convert(recorded[name]))
        elif name in norms:
            error = abs(np.linalg.norm(ours) - norms[name])
        else:
            continue
        reference = _ROUNDING_ONLY.get(name, name)
        scale = np.linalg.norm(recorded.get(reference, norms.get(reference)))
        yield Comparison(f"grad/{name}", float(error / scale), RELATIVE_GRADIENT)


def _verify_geco(arrays):
    """Replays a trace of errors and KLs through our update, in float32."""
    speedup = float(arrays["speedup"])
    settings = GecoSettings(
        goal=float(arrays["goal"]),
        step_size=float(arrays["step_size"]),
        momentum=float(arrays["alpha"]),
        speedup=speedup if speedup > 0 else 1.0,
        initial_beta=float(arrays["beta_before"][0]),
    )

    @tf.function
    def step(beta, error_ema, is_first, error):
        return geco_update(beta, error_ema, is_first, error, settings)

    beta, error_ema = tf.constant(settings.initial_beta), tf.constant(0.0)
    betas, averages = [], []
    for i, error in enumerate(arrays["err"].astype("float32")):
        betas.append(beta.numpy())
        beta, error_ema = step(beta, error_ema, tf.constant(i == 0), error)
        averages.append(error_ema.numpy())
    replayed = {
        "beta_before": np.array(betas),
        "err_ema_after": np.array(averages),
        "loss": arrays["err"] + np.array(betas) * arrays["kl"],
        "beta_final": beta.numpy(),
    }
    for name, ours in replayed.items():
        error = np.max(np.abs(ours / arrays[name] - 1.0))
        yield Comparison(f"geco/{name}", float(error), RELATIVE_GECO)
