"""Settings of the models, most of them arguments of their constructors."""

import dataclasses

from genesis_keras.training.validation import setting

V2, MONET, SLOTS = ("genesis_v2",), ("monet",), ("slot_attention",)
GENESIS = ("genesis_v2", "genesis")
GUIDED = ("monet", "slot_attention")
CLUSTERING = ("genesis_v2", *GUIDED)
LIKELIHOOD = ("genesis_v2", "genesis", "monet")
"""Models with a likelihood, and thus with GECO."""


@dataclasses.dataclass(frozen=True)
class ModelSettings:
    """Architecture, priors, masks and likelihood."""

    feature_dim: int = setting(
        64,
        "Channels and latent size, a multiple of 8.",
        topic="Model",
        of=V2,
        least=1,
        multiple=8,
    )
    object_latent_dim: int = setting(
        0, "Size of an object's latent; 0: feature_dim.", of=V2, least=8, also=0
    )
    kernel: str = setting(
        "gaussian",
        "gaussian, laplacian or epanechnikov.",
        of=V2,
        choices=("gaussian", "laplacian", "epanechnikov"),
    )
    semi_convolution: bool = setting(True, "Add coordinates to the embeddings.", of=V2)
    autoregressive_prior: bool = setting(
        True, "Condition the prior of a slot on earlier slots.", of=GENESIS
    )
    learned_prior_start: bool = setting(
        False, "Learn the prior of the first slot, instead of N(0, 1).", of=V2
    )
    prior_components: int = setting(
        1, "Gaussians of the prior of a slot.", of=V2, least=1, most=256
    )
    prior_couplings: int = setting(
        0, "Couplings of the flow of the prior.", of=V2, least=0, most=32
    )
    appearance_scale: float = setting(
        0.0, "Factor of appearance in the embeddings; 0: none.", of=CLUSTERING, least=0
    )
    coordinate_scale: float = setting(
        1.0, "Factor of coordinates in the embeddings.", of=CLUSTERING, least=0
    )
    final_appearance_scale: float = setting(
        0.0, "Final factor of appearance.", of=V2, least=0
    )
    final_coordinate_scale: float = setting(
        1.0, "Final factor of coordinates.", of=V2, least=0
    )
    fade_start: int = setting(
        0, "Step at which both factors begin to change.", of=V2, least=0
    )
    fade_steps: int = setting(
        0, "Steps over which they change; 0: never.", of=V2, least=0
    )
    region_passes: int = setting(
        0, "Passes of edge-aware smoothing of the embeddings.", of=CLUSTERING, least=0
    )
    region_edge_scale: float = setting(
        0.12,
        "Difference in appearance that is considered an edge.",
        of=CLUSTERING,
        above=0,
    )
    region_brightness: float = setting(
        1.0,
        "Weight of brightness in the edges of these regions.",
        of=CLUSTERING,
        least=0,
    )
    appearance_offset: float = setting(
        0.3, "Addend of the chromaticities' denominator.", of=CLUSTERING, above=0
    )
    kuwahara_passes: int = setting(
        0,
        "Passes of the filter that sharpens edges for the embeddings.",
        of=CLUSTERING,
        least=0,
    )
    pooled_statistics: bool = setting(
        False,
        "Give the latents the mean colour, position and size of their mask.",
        of=LIKELIHOOD,
    )
    glimpse_size: int = setting(
        0, "Side of the glimpses of masks that latents see; 0: none.", of=V2, least=0
    )
    drop_small_remainder: bool = setting(
        False, "Flexible slots leave no last mask below their threshold.", of=V2
    )
    background_share: float = setting(
        0.0,
        "Share of the border from which on a mask joins the background; 0: never.",
        of=V2,
        least=0,
        most=1,
    )
    edge_share: float = setting(
        0.0,
        "Share of an object in a pixel of its edge that makes it the object's; 0: off.",
        of=V2,
        least=0,
        most=1,
    )
    decoder_widening: int = setting(
        1, "Factor on the channels of coarser blocks of the decoder.", of=V2, least=1
    )
    stop_mask_gradient: bool = setting(
        False,
        "Block gradients from the latents to the attention masks.",
        of=("genesis_v2", "monet"),
    )
    spatial_transformer: bool = setting(
        False,
        "Draw each slot in a frame with the position and size of its mask.",
        of=V2,
    )
    mask_consistency: bool = setting(False, "Add the mask loss of Eq. 7.", of=V2)
    mask_consistency_weight: float = setting(
        1.0, "Weight of that loss, times beta.", of=V2, least=0
    )
    mask_consistency_start: int = setting(0, "First step of that loss.", of=V2, least=0)
    mask_guidance: float = setting(
        0.0,
        "Initial weight of the loss from object masks to attention masks.",
        of=V2,
        least=0,
    )
    mask_guidance_steps: int = setting(
        1_500, "Steps over which that weight changes.", of=V2, least=1
    )
    mask_guidance_final: float = setting(
        0.0, "Final value of that weight.", of=V2, least=0
    )
    mask_responsibility: float = setting(
        0.0,
        "Final weight of the loss from attention masks to responsibilities.",
        of=V2,
        least=0,
    )
    mask_responsibility_start: int = setting(
        0, "First step of that loss.", of=V2, least=0
    )
    mask_responsibility_steps: int = setting(
        0, "Steps over which its weight increases from 0.", of=V2, least=0
    )
    hard_masks: bool = setting(False, "Assign each pixel to a single slot.", of=V2)
    mask_normalization: str = setting(
        "stick_breaking",
        "stick_breaking, or softmax over the selected seeds.",
        of=V2,
        choices=("stick_breaking", "softmax"),
    )
    pixel_scale: float = setting(
        0.7, "sigma_x of the pixel likelihood.", of=LIKELIHOOD, above=0
    )
    pixel_scale_final: float = setting(
        0.7, "Final sigma_x, after --pixel_scale_steps.", of=LIKELIHOOD, above=0
    )
    pixel_scale_steps: int = setting(
        0,
        "Steps over which sigma_x and the goal change; 0: never.",
        of=LIKELIHOOD,
        least=0,
    )
    posterior_scale_bias: float = setting(
        0.0, "Initial bias of the posterior's raw scale.", of=LIKELIHOOD
    )
    log_sigma_rate: float = setting(
        1.0, "Relative learning rate of log_sigma.", of=V2, above=0
    )
    gate_rate: float = setting(
        1.0, "Relative learning rate of the gate of the embeddings.", of=V2, above=0
    )
    initialization: str = setting(
        "release",
        "Initialisation of kernels and biases: release or glorot.",
        of=LIKELIHOOD,
        choices=("release", "glorot"),
    )
    filters: int = setting(64, "Channels of encoder and decoder.", of=SLOTS, least=1)
    num_iterations: int = setting(3, "Iterations of the attention.", of=SLOTS, least=1)
    implicit_gradient: bool = setting(
        False, "Only the last iteration passes on the gradient.", of=SLOTS
    )
    initial_slots: str = setting(
        "random",
        "Slots start from random or learned vectors, or from clusters.",
        of=SLOTS,
        choices=("random", "learned", "clusters"),
    )
    mask_entropy: float = setting(
        0.0, "Weight of the entropy of masks in the loss.", of=SLOTS, least=0
    )
    cluster_guidance: float = setting(
        0.0, "Weight of the loss from masks to clusters.", of=GUIDED, least=0
    )
    mask_prior: str = setting(
        "softmax",
        "Normalisation of reconstructed masks: softmax or scope.",
        of=MONET,
        choices=("softmax", "scope"),
    )
