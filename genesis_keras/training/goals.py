"""What a search of settings can aim at, and how."""

OBJECTIVES = {
    "val_ari_fg": ("object_masks/ari_fg", "max"),
    "val_ari_fg_attention": ("masks/ari_fg", "max"),
    "val_elbo": ("elbo", "max"),
    "val_error": ("error_per_value", "min"),
}
"""Name of an objective -> the score, and whether it is to be large or small."""
ALGORITHMS = ("hyperband", "bayesian")
