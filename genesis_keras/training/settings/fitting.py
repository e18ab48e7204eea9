"""Settings of the optimisation: rates, GECO, files and devices."""

import dataclasses

from genesis_keras.training.settings.general import MAX_STEPS
from genesis_keras.training.settings.model import LIKELIHOOD
from genesis_keras.training.validation import setting

STRATEGIES = ("auto", "none", "mirrored", "multi_worker")
PRECISIONS = ("float32", "mixed_bfloat16", "mixed_float16")


@dataclasses.dataclass(frozen=True)
class FittingSettings:
    """Optimiser, GECO, files and devices."""

    learning_rate: float = setting(
        1e-4, "Adam's learning rate after the warm-up.", topic="Optimiser", above=0
    )
    warmup_steps: int = setting(
        0, "Steps over which the rate increases from 0.", least=0, most=MAX_STEPS
    )
    decay_steps: int = setting(
        0, "Steps of cosine decay to 1/50; 0: constant.", least=0, most=MAX_STEPS
    )
    halving_steps: int = setting(
        0, "Steps in which the rate halves; 0: constant.", least=0, most=MAX_STEPS
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
        of=LIKELIHOOD,
    )
    goal_mse: float = setting(
        0.0,
        "Goal as a mean squared error; 0: --geco_goal.",
        of=LIKELIHOOD,
        least=0,
    )
    geco_step_size: float = setting(
        1e-5,
        "Step size eta at 64x64, per nat; scaled by size.",
        of=LIKELIHOOD,
        above=0,
    )
    geco_speedup: float = setting(
        10.0, "Factor of eta while the goal is met.", of=LIKELIHOOD, above=0
    )
    geco_initial_beta: float = setting(1.0, "Initial beta.", of=LIKELIHOOD, above=0)
    geco_min_beta: float = setting(
        1e-10, "Lower bound of beta.", of=LIKELIHOOD, above=0
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
