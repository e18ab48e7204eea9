"""Names of the distribution shifts; `shifts.py`, which needs TensorFlow, has them."""

SHIFTS = ("crop", "occlusion", "object_color", "object_texture", "style")
