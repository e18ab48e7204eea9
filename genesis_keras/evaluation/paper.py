"""The results of the paper.

Engelcke, Parker Jones and Posner, "GENESIS-V2: Inferring Unordered Object
Representations without Iterative Refinement", NeurIPS 2021, arXiv:2104.09958v3. Pairs
are (mean, standard deviation over three seeds), or (mean, None) if the paper reports no
deviation. Missing values are not in the paper's tables.
"""

SOURCE = "https://arxiv.org/abs/2104.09958"

TITLES = {
    "monet": "MONet-G",
    "genesis": "GENESIS",
    "slot_attention": "Slot Attention",
    "genesis_v2": "GENESIS-V2",
}
"""Name of a model -> its title in tables, in the paper's order."""

GENERATIVE = {
    "monet": True,
    "genesis": True,
    "slot_attention": False,
    "genesis_v2": True,
}

MASKS = {
    "monet": "masks",
    "genesis": "masks",
    "slot_attention": "object_masks",
    "genesis_v2": "masks",
}
"""Name of a model -> masks that the paper evaluates: attention or object masks."""

SEGMENTATION = {  # Table 1
    "ObjectsRoom": {
        "monet": {"ari_fg": (0.54, 0.00), "msc_fg": (0.33, 0.01)},
        "genesis": {"ari_fg": (0.63, 0.03), "msc_fg": (0.53, 0.07)},
        "slot_attention": {"ari_fg": (0.79, 0.02), "msc_fg": (0.64, 0.13)},
        "genesis_v2": {"ari_fg": (0.85, 0.01), "msc_fg": (0.59, 0.01)},
    },
    "ShapeStacks": {
        "monet": {"ari_fg": (0.70, 0.04), "msc_fg": (0.57, 0.12)},
        "genesis": {"ari_fg": (0.70, 0.05), "msc_fg": (0.67, 0.02)},
        "slot_attention": {"ari_fg": (0.76, 0.01), "msc_fg": (0.70, 0.05)},
        "genesis_v2": {"ari_fg": (0.81, 0.01), "msc_fg": (0.67, 0.01)},
    },
}

FLEXIBLE = (  # Table 2: data set, mask loss, slots -> scores of GENESIS-V2
    (
        ("ObjectsRoom", "no", "fixed"),
        {
            "average_slots": (7.0, 0.0),
            "slots_mae": (3.3, 0.0),
            "ari_fg": (0.85, 0.01),
            "msc_fg": (0.59, 0.01),
        },
    ),
    (
        ("ObjectsRoom", "no", "flexible"),
        {
            "average_slots": (5.0, 0.9),
            "slots_mae": (1.7, 0.9),
            "ari_fg": (0.84, 0.01),
            "msc_fg": (0.51, 0.10),
        },
    ),
    (
        ("ShapeStacks", "no", "fixed"),
        {
            "average_slots": (9.0, 0.0),
            "slots_mae": (4.4, 0.0),
            "ari_fg": (0.81, 0.01),
            "msc_fg": (0.67, 0.01),
        },
    ),
    (
        ("ShapeStacks", "no", "flexible"),
        {
            "average_slots": (6.3, 0.3),
            "slots_mae": (1.9, 0.3),
            "ari_fg": (0.77, 0.02),
            "msc_fg": (0.63, 0.01),
        },
    ),
    (
        ("ShapeStacks", "yes", "fixed"),
        {
            "average_slots": (9.0, 0.0),
            "slots_mae": (4.4, 0.0),
            "ari_fg": (0.81, 0.01),
            "msc_fg": (0.68, 0.00),
        },
    ),
    (
        ("ShapeStacks", "yes", "flexible"),
        {
            "average_slots": (5.7, 0.2),
            "slots_mae": (1.1, 0.02),
            "ari_fg": (0.81, 0.01),
            "msc_fg": (0.68, 0.01),
        },
    ),
)

DENSITY = {  # Table 3; the FID of GENESIS-V2 on ShapeStacks is not recorded here
    "ObjectsRoom": {
        "monet": {"elbo": (-7217, 19), "fid": (205.7, 7.6)},
        "genesis": {"elbo": (-7023, 2), "fid": (62.8, 2.5)},
        "genesis_v2": {"elbo": (-7040, 2), "fid": (52.6, 2.7)},
    },
    "ShapeStacks": {
        "monet": {"elbo": (-7268, 19), "fid": (197.8, 5.2)},
        "genesis": {"elbo": (-7082, 15), "fid": (186.8, 18.0)},
        "genesis_v2": {"elbo": (-7019, 2)},
    },
}

ALL_PIXELS = {  # Table 4
    "APC": {
        "monet": {"ari": (0.11, None), "msc": (0.48, None)},
        "genesis": {"ari": (0.04, None), "msc": (0.29, None)},
        "slot_attention": {"ari": (0.03, None), "msc": (0.25, None)},
        "genesis_v2": {"ari": (0.55, None), "msc": (0.67, None)},
    },
}

REAL_FID = {  # Table 5
    "Sketchy": {
        "monet": {"fid": (294.3, None)},
        "genesis": {"fid": (241.9, None)},
        "genesis_v2": {"fid": (208.1, None)},
    },
    "APC": {
        "monet": {"fid": (269.3, None)},
        "genesis": {"fid": (183.2, None)},
        "genesis_v2": {"fid": (245.6, None)},
    },
}
