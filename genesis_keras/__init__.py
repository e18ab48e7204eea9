"""Unsupervised object discovery in Keras: GENESIS-V2 and its baselines.

The code reads in the order the data flows, here in GENESIS-V2. B images of H x W
pixels, K slots, F features, latents of size D = F:

| step | where | result |
| --- | --- | --- |
| image | `data` | `[B, H, W, 3]` in [0, 1] |
| features | `layers.unet` | `[B, H, W, F]` |
| embeddings | `layers.semi_convolution` | `[B, H, W, 8]` |
| attention masks | `layers.instance_colouring` | `[B, K, H, W, 1]` |
| object latents | `layers.object_pooling` | `[B, K, D]` |
| prior of the latents | `layers.autoregressive_prior` | `[B, K, D]` |
| components, object masks | `layers.broadcast_decoder` | `[B, K, H, W, 3 and 1]` |
| mixture likelihood, KL | `distributions` | `[B]`, `[B, K]` |
| loss, GECO | `objectives` | scalars |

`models` assembles these steps into GENESIS-V2, and others into GENESIS, MONet-G and
Slot Attention. All models return the same dict, specified in `models.outputs`.
`training`, `evaluation`, `metrics` and `visualization` use the models; `convert` reads
the weights of the authors' release; `export` writes models for serving; `commands` are
the command-line tools.

`import genesis_keras` is fast: TensorFlow and Keras are only imported when a public
name is first used. As soon as Keras is imported, by this package or any other code, the
models, metrics and optimisers are registered with it, so `keras.models.load_model` can
read their files.
"""

import importlib
from typing import TYPE_CHECKING

import wrapt

from genesis_keras import surroundings

if TYPE_CHECKING:
    from genesis_keras.models.genesis import Genesis
    from genesis_keras.models.genesis_v2 import GenesisV2
    from genesis_keras.models.monet import Monet
    from genesis_keras.models.slot_attention import SlotAttentionModel
    from genesis_keras.segmentation.segmenting import segment
    from genesis_keras.training.callbacks import GECO

__all__ = ["GECO", "Genesis", "GenesisV2", "Monet", "SlotAttentionModel", "segment"]
__version__ = "0.2.0"

if (_problem := surroundings.problem()) is not None:  # before Keras is imported
    if surroundings.is_command():
        raise SystemExit(f"error: {_problem}")
    raise ImportError(_problem)

_MODULES = {
    "GECO": "training.callbacks",
    "Genesis": "models.genesis",
    "GenesisV2": "models.genesis_v2",
    "Monet": "models.monet",
    "SlotAttentionModel": "models.slot_attention",
    "segment": "segmentation.segmenting",
}
"""Public name -> module that defines it."""
_REGISTERED = (
    "models.registry",
    "metrics",
    "metrics.fid_inception",
    "training.optimizers",
)
"""Modules that register classes with Keras."""
_ROOMS = (
    "convert",
    "data",
    "distributions",
    "evaluation",
    "export",
    "layers",
    "metrics",
    "models",
    "objectives",
    "presets",
    "segmentation",
    "training",
    "visualization",
)


def __getattr__(name):
    if name in _MODULES:
        module = importlib.import_module(f"{__name__}.{_MODULES[name]}")
        globals()[name] = getattr(module, name)
        return globals()[name]
    if name in _ROOMS:
        return importlib.import_module(f"{__name__}.{name}")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__():
    return sorted({*globals(), *_MODULES, *_ROOMS})


def _write_saved_model(model, path, **options):
    from genesis_keras.export.saved_model import write_saved_model

    return write_saved_model(model, path, **options)


def _write_portable(model, path, format, **options):
    from genesis_keras.export.portable import write_portable

    return write_portable(model, path, format, **options)


@wrapt.when_imported("keras")
def _register_classes(_):
    """Registers all that a model's file may contain, once Keras is imported.

    If the module that imports Keras is one of ours, it is only partially initialised at
    that moment. To avoid a circular import, the packages that the models depend on
    (such as `layers`) import Keras in their `__init__.py`, before any of their modules.
    """
    for module in _REGISTERED:
        importlib.import_module(f"{__name__}.{module}")
    base = importlib.import_module(f"{__name__}.models.base")
    base.SceneModel.write_saved_model = _write_saved_model
    base.SceneModel.write_portable = _write_portable
