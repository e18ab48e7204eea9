"""The objectives of a hyperparameter search."""

OBJECTIVES = {
    "val_ari_fg": ("object_masks/ari_fg", "max"),
    "val_ari_fg_attention": ("masks/ari_fg", "max"),
    "val_elbo": ("elbo", "max"),
    "val_error": ("error_per_value", "min"),
}
"""Name of an objective -> the score, and whether to maximise or minimise it."""
ALGORITHMS = ("hyperband", "bayesian")
