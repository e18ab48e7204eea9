"""Segmentation of pictures with a trained model.

`pictures` reads pictures; `segmenting` has the function `segment`, which returns a
`Segmentation` with `SegmentedObject`s; `run_length` encodes masks, `drawing` visualises
results and `files` writes them.
"""
