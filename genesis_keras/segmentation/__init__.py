"""Segments one's own pictures with a trained model.

`pictures` reads them, `segmenting` has the function `segment`, which returns a
`Segmentation` with its `SegmentedObject`s; `run_length` packs masks, `drawing` makes
pictures of a result and `files` writes it all.
"""
