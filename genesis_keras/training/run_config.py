"""The settings of a run: a dataclass that also defines the command-line flags."""

import dataclasses
import json

from genesis_keras.data.registry import get_spec
from genesis_keras.storage import local_path, write_json
from genesis_keras.training.devices import best_precision
from genesis_keras.training.geco_goals import goal_of_mse, mse_of_goal
from genesis_keras.training.recipes import RECIPES
from genesis_keras.training.validation import checked, setting
from genesis_keras.types import Config, PathLike

CONFIG_FILE = "config.json"
MODELS = ("genesis_v2", "genesis", "monet", "slot_attention")
"""Names of the models; `models.registry` maps them to classes."""
STRATEGIES = ("auto", "none", "mirrored", "multi_worker")
PRECISIONS = ("float32", "mixed_bfloat16", "mixed_float16")
_V2, _MONET, _SLOTS = ("genesis_v2",), ("monet",), ("slot_attention",)
_GENESIS = ("genesis_v2", "genesis")
_LIKELIHOOD = ("genesis_v2", "genesis", "monet")
_SIZES = (32, 64, 128, 256, 512, 1024)
_MAX_STEPS = 99_999_999  # names of checkpoints have eight digits
_MAX_SEED = 2**31 - 1
_MAX_SLOTS = 256  # MAX_SLOTS of `arguments`, a module that imports NumPy


@dataclasses.dataclass(frozen=True)
class RunConfig:
    """All settings that determine a run; create one with `resolve`.

    Each field becomes a command-line flag, in the topic under which it is listed. If
    `goal_mse` is set, `geco_goal` is the goal that corresponds to it at `pixel_scale`.

    Raises:
        ValueError: If a value has the wrong type or is out of range, the data set is
            not known, or no reconstruction can meet `geco_goal`.
    """

    model: str = setting(
        "genesis_v2", "Name of the model.", topic="Run", choices=MODELS
    )
    dataset: str = setting("sprites/hard", "Name of the data set, NAME or NAME/CONFIG.")
    recipe: str = setting("", "paper or fast; fast is the default without GPU.")
    seed: int = setting(
        0, "Random seed of weights, noise and data order.", least=0, most=_MAX_SEED
    )
    steps: int = setting(
        500_000,
        "Total training steps, including resumed ones.",
        least=1,
        most=_MAX_STEPS,
    )
    batch_size: int = setting(32, "Images per step, over all devices.", least=1)
    image_size: int = setting(
        64, "Side of the images, a power of two >= 32.", choices=_SIZES
    )
    num_slots: int = setting(
        7, "Number of slots K in training.", least=1, most=_MAX_SLOTS
    )
    feature_dim: int = setting(
        64,
        "Channels and latent size, a multiple of 8.",
        topic="Model",
        of=_V2,
        least=1,
        multiple=8,
    )
    object_latent_dim: int = setting(
        0, "Size of an object's latent; 0: feature_dim.", of=_V2, least=8, also=0
    )
    kernel: str = setting(
        "gaussian",
        "gaussian, laplacian or epanechnikov.",
        of=_V2,
        choices=("gaussian", "laplacian", "epanechnikov"),
    )
    semi_convolution: bool = setting(True, "Add coordinates to the embeddings.", of=_V2)
    autoregressive_prior: bool = setting(
        True, "Condition the prior of a slot on earlier slots.", of=_GENESIS
    )
    learned_prior_start: bool = setting(
        False, "Learn the prior of the first slot, instead of N(0, 1).", of=_V2
    )
    prior_components: int = setting(
        1, "Gaussians of the prior of a slot.", of=_V2, least=1, most=256
    )
    prior_couplings: int = setting(
        0, "Couplings of the flow of the prior.", of=_V2, least=0, most=32
    )
    appearance_scale: float = setting(
        0.0, "Factor of appearance in the embeddings; 0: none.", of=_V2, least=0
    )
    coordinate_scale: float = setting(
        1.0, "Factor of coordinates in the embeddings.", of=_V2, least=0
    )
    final_appearance_scale: float = setting(
        0.0, "Final factor of appearance.", of=_V2, least=0
    )
    final_coordinate_scale: float = setting(
        1.0, "Final factor of coordinates.", of=_V2, least=0
    )
    fade_start: int = setting(
        0, "Step at which both factors begin to change.", of=_V2, least=0
    )
    fade_steps: int = setting(
        0, "Steps over which they change; 0: never.", of=_V2, least=0
    )
    region_passes: int = setting(
        0, "Passes of edge-aware smoothing of the embeddings.", of=_V2, least=0
    )
    region_edge_scale: float = setting(
        0.12, "Difference in appearance that is considered an edge.", of=_V2, above=0
    )
    region_brightness: float = setting(
        1.0, "Weight of brightness in the edges of these regions.", of=_V2, least=0
    )
    appearance_offset: float = setting(
        0.3, "Addend of the chromaticities' denominator.", of=_V2, above=0
    )
    kuwahara_passes: int = setting(
        0,
        "Passes of the filter that sharpens edges for the embeddings.",
        of=_V2,
        least=0,
    )
    pooled_statistics: bool = setting(
        False,
        "Give the latents the mean colour, position and size of their mask.",
        of=_V2,
    )
    glimpse_size: int = setting(
        0, "Side of the glimpses of masks that latents see; 0: none.", of=_V2, least=0
    )
    drop_small_remainder: bool = setting(
        False, "Flexible slots leave no last mask below their threshold.", of=_V2
    )
    decoder_widening: int = setting(
        1, "Factor on the channels of coarser blocks of the decoder.", of=_V2, least=1
    )
    stop_mask_gradient: bool = setting(
        False, "Block gradients from the latents to the attention masks.", of=_V2
    )
    spatial_transformer: bool = setting(
        False,
        "Draw each slot in a frame with the position and size of its mask.",
        of=_V2,
    )
    mask_consistency: bool = setting(False, "Add the mask loss of Eq. 7.", of=_V2)
    mask_consistency_weight: float = setting(
        1.0, "Weight of that loss, times beta.", of=_V2, least=0
    )
    mask_consistency_start: int = setting(
        0, "First step of that loss.", of=_V2, least=0
    )
    mask_guidance: float = setting(
        0.0,
        "Initial weight of the loss from object masks to attention masks.",
        of=_V2,
        least=0,
    )
    mask_guidance_steps: int = setting(
        1_500, "Steps over which that weight changes.", of=_V2, least=1
    )
    mask_guidance_final: float = setting(
        0.0, "Final value of that weight.", of=_V2, least=0
    )
    mask_responsibility: float = setting(
        0.0,
        "Final weight of the loss from attention masks to responsibilities.",
        of=_V2,
        least=0,
    )
    mask_responsibility_start: int = setting(
        0, "First step of that loss.", of=_V2, least=0
    )
    mask_responsibility_steps: int = setting(
        0, "Steps over which its weight increases from 0.", of=_V2, least=0
    )
    hard_masks: bool = setting(False, "Assign each pixel to a single slot.", of=_V2)
    mask_normalization: str = setting(
        "stick_breaking",
        "stick_breaking, or softmax over the selected seeds.",
        of=_V2,
        choices=("stick_breaking", "softmax"),
    )
    pixel_scale: float = setting(
        0.7, "sigma_x of the pixel likelihood.", of=_LIKELIHOOD, above=0
    )
    pixel_scale_final: float = setting(
        0.7, "Final sigma_x, after --pixel_scale_steps.", of=_LIKELIHOOD, above=0
    )
    pixel_scale_steps: int = setting(
        0,
        "Steps over which sigma_x and the goal change; 0: never.",
        of=_LIKELIHOOD,
        least=0,
    )
    posterior_scale_bias: float = setting(
        0.0, "Initial bias of the posterior's raw scale.", of=_LIKELIHOOD
    )
    log_sigma_rate: float = setting(
        1.0, "Relative learning rate of log_sigma.", of=_V2, above=0
    )
    gate_rate: float = setting(
        1.0, "Relative learning rate of the gate of the embeddings.", of=_V2, above=0
    )
    initialization: str = setting(
        "release",
        "Initialisation of kernels and biases: release or glorot.",
        of=_LIKELIHOOD,
        choices=("release", "glorot"),
    )
    filters: int = setting(64, "Channels of encoder and decoder.", of=_SLOTS, least=1)
    num_iterations: int = setting(3, "Iterations of the attention.", of=_SLOTS, least=1)
    mask_prior: str = setting(
        "softmax",
        "Normalisation of reconstructed masks: softmax or scope.",
        of=_MONET,
        choices=("softmax", "scope"),
    )
    learning_rate: float = setting(
        1e-4, "Adam's learning rate after the warm-up.", topic="Optimiser", above=0
    )
    warmup_steps: int = setting(
        0, "Steps over which the rate increases from 0.", least=0, most=_MAX_STEPS
    )
    decay_steps: int = setting(
        0, "Steps of cosine decay to 1/50; 0: constant.", least=0, most=_MAX_STEPS
    )
    halving_steps: int = setting(
        0, "Steps in which the rate halves; 0: constant.", least=0, most=_MAX_STEPS
    )
    clip_norm: float = setting(
        0.0, "Maximum global norm of the gradients; 0: no clipping.", least=0
    )
    ema_momentum: float = setting(
        0.0,
        "Momentum of the average of the weights that is evaluated; 0: none.",
        least=0,
        most=0.999999,
    )
    accumulate_steps: int = setting(
        1, "Micro-batches of a step, whose gradients are averaged.", least=1
    )
    on_nan: str = setting(
        "stop",
        "If a loss or gradient is not finite: stop, or skip the batch.",
        choices=("stop", "skip"),
    )
    geco_goal: float = setting(
        0.5655,
        "Goal C, nats per pixel and channel, at --pixel_scale.",
        topic="GECO",
        of=_LIKELIHOOD,
    )
    goal_mse: float = setting(
        0.0,
        "Goal as a mean squared error; 0: --geco_goal.",
        of=_LIKELIHOOD,
        least=0,
    )
    geco_step_size: float = setting(
        1e-5,
        "Step size eta at 64x64, per nat; scaled by size.",
        of=_LIKELIHOOD,
        above=0,
    )
    geco_speedup: float = setting(
        10.0, "Factor of eta while the goal is met.", of=_LIKELIHOOD, above=0
    )
    geco_initial_beta: float = setting(1.0, "Initial beta.", of=_LIKELIHOOD, above=0)
    geco_min_beta: float = setting(
        1e-10, "Lower bound of beta.", of=_LIKELIHOOD, above=0
    )
    data_dir: str = setting(
        "", "Folder of the data sets; TFDS's default if empty.", topic="Files"
    )
    manual_dir: str = setting("", "Folder of manually downloaded source files.")
    init_from_preset: str = setting(
        "", "Preset with the initial weights: a name, a folder or hf://USER/NAME."
    )
    summary_every: int = setting(100, "Steps between scalar summaries.", least=1)
    picture_every: int = setting(
        500, "Steps between pictures and validations.", least=1
    )
    checkpoint_every: int = setting(500, "Steps between checkpoints.", least=1)
    jit_compile: str = setting(
        "auto",
        "Use XLA: auto (GPU only), on, off.",
        topic="Devices",
        choices=("auto", "on", "off"),
    )
    strategy: str = setting(
        "auto",
        f"Devices: {', '.join(STRATEGIES)}; see docs/scaling.md.",
        choices=STRATEGIES,
    )
    worker_timeout: int = setting(
        600, "Seconds to wait for the other workers; 0: indefinitely.", least=0
    )
    precision: str = setting(
        "float32",
        f"Of the model: {', '.join(PRECISIONS)}; auto: the fastest of this machine.",
        choices=("auto", *PRECISIONS),
    )

    def __post_init__(self):
        for name, value in check_settings(dataclasses.asdict(self)).items():
            object.__setattr__(self, name, value)  # with its declared type
        if self.batch_size % self.accumulate_steps:
            raise ValueError(
                f"accumulate_steps must divide batch_size={self.batch_size}; "
                f"got {self.accumulate_steps}"
            )
        if self.geco_initial_beta < self.geco_min_beta:
            raise ValueError(
                f"geco_initial_beta must be at least geco_min_beta="
                f"{self.geco_min_beta}; got {self.geco_initial_beta}"
            )
        if self.goal_mse:
            goal = goal_of_mse(self.goal_mse, self.pixel_scale)
            object.__setattr__(self, "geco_goal", goal)
        elif self.model in _LIKELIHOOD:
            mse_of_goal(self.geco_goal, self.pixel_scale)  # raises below the floor

    def save(self, workdir: PathLike) -> None:
        """Writes the settings to `workdir/config.json`."""
        write_json(local_path(workdir) / CONFIG_FILE, dataclasses.asdict(self))

    @classmethod
    def load(cls, workdir: PathLike) -> "RunConfig":
        """Reads the settings of the run in `workdir`.

        Args:
            workdir: Folder of a run.

        Raises:
            ValueError: There is no run, or its file is damaged.
        """
        path = local_path(workdir) / CONFIG_FILE
        try:
            settings = json.loads(path.read_text())
            if not isinstance(settings, dict):
                raise ValueError("it is no JSON object")
            return cls(**check_settings(settings))
        except FileNotFoundError as error:
            raise ValueError(
                f"workdir={str(workdir)!r} holds no run: it has no {CONFIG_FILE}"
            ) from error
        except (ValueError, RecursionError) as error:
            raise ValueError(f"{str(path)!r} is damaged: {error}") from error


def check_settings(settings: Config) -> Config:
    """Validates settings; returns them with their declared types.

    Args:
        settings: Dict of some or all settings of a run.

    Raises:
        ValueError: A name or a data set is not known, or a value is of the wrong type
            or out of range.
    """
    fields = {field.name: field for field in dataclasses.fields(RunConfig)}
    if unknown := sorted(map(str, settings.keys() - fields.keys())):
        raise ValueError(f"unknown settings {unknown}")
    values = {name: checked(fields[name], value) for name, value in settings.items()}
    if values.get("precision") == "auto":  # from here on, and on resuming, a fact
        values["precision"] = best_precision()
    if "dataset" in values:
        get_spec(values["dataset"])
    if values.get("recipe") and values["recipe"] not in RECIPES:
        raise ValueError(
            f"recipe must be one of {sorted(RECIPES)}; got {values['recipe']!r}"
        )
    return values
