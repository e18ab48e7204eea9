"""Unsupervised object discovery and scene generation in Keras: GENESIS-V2.

The code reads in the order the data flows. B images of H x W pixels, K slots,
F features, latents of size D = F:

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

`models` puts the steps together, with `models.outputs` as the contract that all
else reads; `training`, `evaluation`, `metrics`, `visualization` use the models;
`convert` reads the weights of the authors' release.
"""

from genesis_keras.models.genesis_v2 import GenesisV2
from genesis_keras.training.callbacks import GECO

__all__ = ["GECO", "GenesisV2"]
__version__ = "0.1.0"
