"""Replays recordings of the release and compares every tensor."""

import dataclasses

import numpy as np
import tensorflow as tf

from genesis_keras.convert import checkpoint, genesis, genesis_v2, layout, monet
from genesis_keras.objectives.elbo import weighted_loss
from genesis_keras.objectives.geco import GecoSettings, geco_update
from genesis_keras.types import PathLike

RECORDED_BETA = 0.5  # weight of the KL terms in the recorded loss
ABSOLUTE, RELATIVE, RELATIVE_GRADIENT = 1e-4, 1e-5, 1e-3
RELATIVE_GECO = 1e-3  # of beta after thousands of float32 multiplications
# What arrays that are missing, of another shape or of another kind raise.
_DAMAGE = (
    AttributeError,
    IndexError,
    KeyError,
    OverflowError,
    TypeError,
    ValueError,
    tf.errors.InvalidArgumentError,
)

# Prefix of the recording's name -> module of the model.
CONVERTERS = {"genesisv2": genesis_v2, "genesis": genesis, "monet": monet}
# Name in the recording -> our output; converters add or replace some.
_OUTPUTS = {
    "recon": "reconstruction",
    "x_r_k": "components",
    "log_m_k": "log_masks",
    "log_m_r_k": "log_object_masks",
    "comp_mu_k": "posterior_mean",
    "comp_sigma_k": "posterior_scale",
    "comp_z_k": "latents",
    "comp_pmu_k": "prior_mean",
    "comp_psigma_k": "prior_scale",
    "err": "reconstruction_error",
    "kl_l_k": "kl_latents",
    "kl_m_k": "kl_masks",
    "loss": "loss",
}
_RELATIVE = ("err", "kl_m_k", "loss")
_CHANNELS_FIRST = ("recon", "x_r_k", "log_m_k", "log_m_r_k", "colour", "delta")


@dataclasses.dataclass(frozen=True)
class Comparison:
    """One line of the verification: the error of a tensor and its tolerance."""

    name: str
    error: float
    tolerance: float

    @property
    def passed(self) -> bool:
        """Whether the error is within tolerance; NaN is not."""
        return self.error <= self.tolerance

    def __str__(self):
        verdict = "ok" if self.passed else "FAILED"
        return f"{self.name:44} {self.error:9.2e} (<= {self.tolerance:.0e}) {verdict}"


def verify(path: PathLike) -> "list[Comparison]":
    """Replays a recording of the release and compares every tensor in it.

    Args:
        path: An `.npz` file as the recordings' README describes it: a pass of
            one of the `CONVERTERS`' models, or a trace of GECO.

    Returns:
        List of `Comparison`.

    Raises:
        ValueError: If the file cannot be read, or is a recording of something else.
    """
    arrays = layout.load_archive(path)
    try:
        if "err_ema_after" in arrays:
            return list(_verify_geco(arrays))
        if "meta" not in arrays:
            raise ValueError(f"{str(path)!r} has no 'meta': it is not a recording")
        flags = checkpoint.parse_flags(str(arrays["meta"]), path)
        name = str(flags["model"])
        converter = CONVERTERS.get(name.split("_")[0])
        if converter is None:
            raise ValueError(f"no model here replays the recording of {name!r}")
        return _verify_model(converter, arrays, flags)
    except _DAMAGE as error:
        text = str(getattr(error, "message", error)).strip().splitlines()[:1]
        raise ValueError(
            f"{str(path)!r} is not a whole recording: {type(error).__name__}, "
            f"{''.join(text)}"
        ) from error


def _verify_model(converter, arrays, flags):
    state = layout.with_prefix(arrays, "state/")
    model = converter.build(state, flags)
    weights = converter.weights(model)
    layout.load_weights(weights, state)
    trainable = [weight for weight in weights if weight.variable.trainable]
    training = bool(flags.get("train", True))

    @tf.function
    def replay(images, draws):
        with tf.GradientTape() as tape:
            outputs = model(images, training=training, **draws)
            outputs["loss"] = weighted_loss(outputs, RECORDED_BETA)
        gradients = tape.gradient(
            outputs["loss"], [weight.variable.value for weight in trainable]
        )
        replayed = {name: outputs[ours] for name, ours in _OUTPUTS.items()}
        return replayed | converter.outputs(model, images, outputs), gradients

    draws = converter.draws(model, arrays)
    replayed, gradients = replay(
        tf.constant(layout.images_last(arrays["in/x"])),
        {name: tf.constant(draw) for name, draw in draws.items()},
    )
    replayed = {name: value.numpy() for name, value in replayed.items()}
    return [
        *_compare_outputs(arrays, replayed),
        *_compare_gradients(
            arrays, trainable, gradients, converter.without_gradient(training)
        ),
    ]


def _compare_outputs(arrays, replayed):
    for name, recorded in layout.with_prefix(arrays, "out/").items():
        if name not in replayed:
            raise ValueError(f"the recording has an unknown output {name!r}")
        ours = replayed[name]
        if name in _CHANNELS_FIRST:
            recorded = layout.images_last(recorded)
        if name.startswith("log_m"):  # masks, not their logarithms, have a scale
            recorded, ours = np.exp(recorded), np.exp(ours)
        if name == "kl_m_k" and ours.ndim == 1:  # of the masks of an image
            recorded = recorded.sum(axis=-1)
        if "_p" in name and recorded.shape[1] < ours.shape[1]:
            ours = ours[:, 1:]  # the release leaves N(0, 1) of the first slot out
        yield _compare(f"out/{name}", recorded, ours, name in _RELATIVE)


def _compare(name, recorded, ours, relative):
    if recorded.shape != ours.shape:
        raise ValueError(f"{name} has shape {recorded.shape}, ours {ours.shape}")
    error = np.max(np.abs(recorded - ours))
    if not relative:
        return Comparison(name, float(error), ABSOLUTE)
    scale = max(float(np.max(np.abs(recorded))), 1.0)
    return Comparison(name, float(error) / scale, RELATIVE)


def _compare_gradients(arrays, weights, gradients, without_gradient):
    recorded = layout.with_prefix(arrays, "grad/")
    norms = layout.with_prefix(arrays, "gradnorm/")
    for weight, gradient in zip(weights, gradients, strict=True):
        gradient = tf.convert_to_tensor(gradient).numpy()
        for name, ours in weight.gradients(gradient):
            if name in recorded:
                error = np.linalg.norm(ours - weight.convert(recorded[name]))
            elif name in norms:
                error = abs(np.linalg.norm(ours) - norms[name])
            else:
                continue
            reference = without_gradient.get(name, name)
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
