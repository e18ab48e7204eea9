"""The layers of the models, in the order of the data flow.

GENESIS-V2: unet -> semi_convolution -> instance_colouring -> object_pooling ->
broadcast_decoder, and autoregressive_prior or mixture_prior (with coupling_flow). These
use blocks (convolution blocks, coordinates), stick_breaking (algebra in log space),
gaussian_statistics and kernels (Eq. 3).

GENESIS: mask_encoder -> mask_posterior -> mask_decoder (built from gated_convolution,
    gated_transposed_convolution and batch_normalization) -> component_encoder ->
component_decoder, with autoregressive_prior and conditional_prior. MONet:
recurrent_attention (built from unet) -> component_encoder -> component_decoder. Slot
Attention: position_embedding and slot_attention.
"""

import keras  # noqa: F401  Before all modules here: see genesis_keras/__init__.py.
