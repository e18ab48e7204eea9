"""The settings of a run: one dataclass, from which the flags are made too."""

import dataclasses
import json
import pathlib

from genesis_keras.data.registry import get_spec
from genesis_keras.models.presets import RECIPES
from genesis_keras.models.registry import MODELS, get_model, settings_of
from genesis_keras.storage import write_json
from genesis_keras.training.distribution import STRATEGIES

CONFIG_FILE = "config.json"
PRECISIONS = ("float32", "mixed_bfloat16", "mixed_float16")
ON_NAN = ("stop", "skip")


def _setting(default, help_text):
    return dataclasses.field(default=default, metadata={"help": help_text})


@dataclasses.dataclass(frozen=True)
class RunConfig:
    """Everything that decides what a run computes; `resolve` makes one.

    Raises:
        ValueError: A value is out of range, or the data set is not known.
    """

    model: str = _setting("genesis_v2", f"Name of the model: {', '.join(MODELS)}.")
    dataset: str = _setting("sprites", "Name of the data set, NAME or NAME/CONFIG.")
    recipe: str = _setting("", "paper or fast; by default what suits the data set.")
    seed: int = _setting(0, "Seed of weights, draws and data order.")
    steps: int = _setting(500_000, "Training steps in all, those resumed included.")
    batch_size: int = _setting(32, "Images in a step, over all devices.")
    image_size: int = _setting(64, "Side of the images, a power of two >= 32.")
    num_slots: int = _setting(7, "K, slots in training.")
    feature_dim: int = _setting(64, "Channels and latent size, a multiple of 8.")
    kernel: str = _setting("gaussian", "gaussian, laplacian or epanechnikov.")
    semi_convolution: bool = _setting(True, "Add coordinates to the embeddings.")
    autoregressive_prior: bool = _setting(True, "Prior of a slot sees earlier slots.")
    mask_consistency: bool = _setting(False, "Add the mask loss of Eq. 7.")
    mask_guidance: float = _setting(
        0.0, "Initial weight of the pull of object masks to attention masks."
    )
    mask_guidance_steps: int = _setting(1_500, "Steps over which that falls to 0.")
    hard_masks: bool = _setting(False, "Each pixel in one slot only.")
    mask_normalization: str = _setting(
        "stick_breaking", "stick_breaking, or softmax over the selected seeds."
    )
    pixel_scale: float = _setting(0.7, "sigma_x of the pixel likelihood.")
    posterior_scale_bias: float = _setting(0.0, "Initial bias of the raw scale.")
    log_sigma_rate: float = _setting(1.0, "Relative learning rate of log_sigma.")
    gate_rate: float = _setting(1.0, "Relative learning rate of the embeddings' gate.")
    initialization: str = _setting(
        "release", "Of kernels and biases: release or glorot."
    )
    filters: int = _setting(64, "Channels of encoder and decoder.")
    num_iterations: int = _setting(3, "Iterations of the attention.")
    mask_prior: str = _setting(
        "softmax", "Normalisation of reconstructed masks: softmax or scope."
    )
    learning_rate: float = _setting(1e-4, "Adam's rate, after the warm-up.")
    warmup_steps: int = _setting(0, "Steps over which the rate rises from 0.")
    decay_steps: int = _setting(0, "Steps of cosine decay to 1/50; 0: constant.")
    halving_steps: int = _setting(0, "Steps in which the rate halves; 0: never.")
    geco_goal: float = _setting(0.5655, "C, nats per pixel and channel.")
    geco_step_size: float = _setting(1e-5, "eta at 64x64, per nat; scaled by size.")
    geco_speedup: float = _setting(10.0, "Factor on eta while the goal is met.")
    geco_initial_beta: float = _setting(1.0, "beta before the first step.")
    data_dir: str = _setting("", "Folder of the data; TFDS's default if empty.")
    manual_dir: str = _setting("", "Folder of source files fetched by hand.")
    summary_every: int = _setting(100, "Steps between scalar summaries.")
    picture_every: int = _setting(500, "Steps between pictures and validations.")
    checkpoint_every: int = _setting(500, "Steps between checkpoints.")
    jit_compile: str = _setting("auto", "auto (XLA off on CPU, on on GPU), on, off.")
    strategy: str = _setting(
        "auto", f"Devices: {', '.join(STRATEGIES)}; see docs/scaling.md."
    )
    precision: str = _setting("float32", f"Of the model: {', '.join(PRECISIONS)}.")
    on_nan: str = _setting(
        "stop", "A loss or gradient that is not finite: stop, or skip the batch."
    )

    def __post_init__(self):
        get_spec(self.dataset)
        get_model(self.model)
        positive = (
            "steps batch_size image_size num_slots feature_dim learning_rate "
            "pixel_scale log_sigma_rate gate_rate filters num_iterations "
            "geco_step_size geco_speedup geco_initial_beta summary_every "
            "picture_every checkpoint_every"
        )
        for name in positive.split():
            if not getattr(self, name) > 0:
                raise ValueError(f"{name} must be positive; got {getattr(self, name)}")
        for name in ("seed", "warmup_steps", "decay_steps", "halving_steps"):
            if getattr(self, name) < 0:
                raise ValueError(
                    f"{name} must not be negative; got {getattr(self, name)}"
                )
        choices = {
            "jit_compile": ("auto", "on", "off"),
            "strategy": STRATEGIES,
            "precision": PRECISIONS,
            "on_nan": ON_NAN,
        }
        for name, allowed in choices.items():
            if getattr(self, name) not in allowed:
                raise ValueError(
                    f"{name} must be one of {', '.join(allowed)}; "
                    f"got {getattr(self, name)!r}"
                )

    def save(self, workdir):
        """Writes the settings to `workdir/config.json`."""
        write_json(pathlib.Path(workdir) / CONFIG_FILE, dataclasses.asdict(self))

    @classmethod
    def load(cls, workdir):
        """Reads the settings of the run in `workdir`.

        Args:
            workdir: Folder of a run.

        Raises:
            ValueError: There is no run, or its file is damaged.
        """
        path = pathlib.Path(workdir) / CONFIG_FILE
        try:
            return cls(**json.loads(path.read_text()))
        except FileNotFoundError as error:
            raise ValueError(
                f"workdir={str(workdir)!r} holds no run: it has no {CONFIG_FILE}"
            ) from error
        except (TypeError, json.JSONDecodeError) as error:
            raise ValueError(f"{str(path)!r} is damaged: {error}") from error


def resolve(overrides):
    """Returns the settings of a run: defaults < recipe < overrides.

    A recipe's settings for a data set go before its general ones, and those for a
    model before both.

    Args:
        overrides: Dict of the settings that the user chose.

    Raises:
        ValueError: An unknown setting, recipe, model or data set, a setting that the
            model does not have, or a value out of range.
    """
    names = {field.name for field in dataclasses.fields(RunConfig)}
    if unknown := overrides.keys() - names:
        raise ValueError(f"unknown settings {sorted(unknown)}")
    model = overrides.get("model", RunConfig.model)
    _check_settings(model, overrides)
    spec = get_spec(overrides.get("dataset", RunConfig.dataset))
    recipe = overrides.get("recipe") or spec.recipe
    if recipe not in RECIPES:
        raise ValueError(f"recipe must be one of {sorted(RECIPES)}; got {recipe!r}")
    return RunConfig(
        **{
            "image_size": spec.image_size,
            "num_slots": spec.num_slots,
            "geco_goal": spec.geco_goal,
            **RECIPES[recipe].settings,
            **RECIPES[recipe].dataset_settings.get(spec.name, {}),
            **RECIPES[recipe].model_settings.get(model, {}),
            **overrides,
            "dataset": spec.name,
            "recipe": recipe,
        }
    )


def models_with(setting):
    """Returns the names of the models for which a setting of the run means anything."""
    if setting.startswith("geco_"):
        return [name for name, model in MODELS.items() if model.has_likelihood]
    takers = [name for name, model in MODELS.items() if setting in settings_of(model)]
    return takers or list(MODELS)  # an argument of no model is one of the run


def _check_settings(model, names):
    get_model(model)
    if unused := [name for name in names if model not in models_with(name)]:
        raise ValueError(f"model={model!r} has no setting {', '.join(unused)}")


def flags_table():
    """Returns the README's table of settings, with the values of both recipes."""
    lines = [
        "| flag | `fast` on sprites | `paper` | meaning |",
        "| --- " * 4 + "|",
    ]
    fast, paper = resolve({}), resolve({"recipe": "paper"})
    for field in dataclasses.fields(RunConfig):
        values = [getattr(config, field.name) for config in (fast, paper)]
        cells = " | ".join("" if value == "" else str(value) for value in values)
        models, meaning = models_with(field.name), field.metadata["help"]
        if len(models) < len(MODELS):
            meaning += f" Of {', '.join(models)}."
        lines.append(f"| `--{field.name}` | {cells} | {meaning} |")
    return "\n".join(lines)


def recipes_table():
    """Returns the README's table of what other models change in both recipes."""
    lines = ["| model | recipe | settings |", "| --- " * 3 + "|"]
    for recipe in sorted(RECIPES):
        for model, settings in RECIPES[recipe].model_settings.items():
            cells = ", ".join(f"`--{key}={value}`" for key, value in settings.items())
            lines.append(f"| {model} | `{recipe}` | {cells} |")
    return "\n".join(lines)
