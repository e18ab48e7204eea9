"""Layers, in the order of the data flow; none knows a model.

unet -> semi_convolution -> instance_colouring -> object_pooling ->
broadcast_decoder, and autoregressive_prior. They are made of blocks (conv blocks,
coordinates), stick_breaking (algebra in log space) and kernels (Eq. 3).
"""
