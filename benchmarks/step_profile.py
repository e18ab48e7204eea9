"""Groups the operations of a training step on the CPU, as TensorFlow profiles them."""

import collections
import pathlib
import re
import tempfile

import tensorflow as tf
from tensorflow.tsl.profiler.protobuf import xplane_pb2

CONVOLUTIONS = "convolutions"
MATRIX_PRODUCTS = "matrix products"
_OPERATION = re.compile(r"([^:\s]+):(\w+)")  # path of names, and type
_COMPILED = "CpuExecutable::ExecuteAsyncOnStream"  # what XLA compiled, as a whole
_MOVES = re.compile(
    r"Transpose|Concat|Split|Slice|Pad|Tile|Pack|Unpack|Gather|Copy|Reshape|Mirror|"
    r"Identity|Broadcast|_MklToTf"
)


def profile(step):
    """Profiles a call of a function.

    Returns:
        A list of pairs of an operation's name and its seconds. Names are
        "PATH:TYPE", or "XLA" for code that XLA compiled.
    """
    with tempfile.TemporaryDirectory() as folder:
        tf.profiler.experimental.start(folder)
        step()
        tf.profiler.experimental.stop()
        (path,) = pathlib.Path(folder).rglob("*.xplane.pb")
        space = xplane_pb2.XSpace.FromString(path.read_bytes())
    found = []
    for plane in space.planes:
        for event in (event for line in plane.lines for event in line.events):
            name = plane.event_metadata[event.metadata_id].name
            seconds = event.duration_ps * 1e-12
            if name == _COMPILED:
                found.append(("XLA", seconds))
            elif _OPERATION.fullmatch(name):
                found.append((name, seconds))
    return found


def kind_of(name):
    """Returns the kind of an operation, and its layer or, in the rest, its type."""
    if name == "XLA":
        return "normalisation (XLA)", ""
    path, kind = _OPERATION.fullmatch(name).groups()
    layer = _layer(path)
    if "Conv2D" in kind:
        return CONVOLUTIONS, layer
    if "MatMul" in kind or "Einsum" in kind:
        return MATRIX_PRODUCTS, layer
    if re.search(r"/\w*adam\w*/", path):
        return "optimizer", ""
    if re.search(r"/\w*norm(_\d+)?/", path):
        return "normalisation (not compiled)", ""
    if kind == "Cast":
        return "casts", ""
    if kind == "AddN":
        return "sums of gradients (AddN)", ""
    if _MOVES.search(kind):
        return "copies and transposes", ""
    return "rest", kind


def _layer(path):
    """Returns the two names after the model's in a path, without their numbers."""
    parts = [re.sub(r"_\d+$", "", part) for part in path.split("/")]
    while parts and parts[0] in ("StatefulPartitionedCall", "gradient_tape"):
        del parts[0]
    # The first part is the model, and the last the operation.
    return "/".join(parts[1:-1][:2]) or "other"


def group(operations):
    """Sums the seconds of operations, pairs as `profile` returns them, by kind.

    Returns:
        Dict from kind to a dict from its parts to seconds. The sum of all is that of
        the operations.
    """
    kinds = collections.defaultdict(collections.Counter)
    for name, seconds in operations:
        kind, part = kind_of(name)
        kinds[kind][part] += seconds
    return {kind: dict(parts) for kind, parts in kinds.items()}


def table(kinds, num_parts=6):
    """Returns the lines of a Markdown table; of each kind the `num_parts` largest."""
    total = sum(sum(parts.values()) for parts in kinds.values())
    lines = ["| operations | ms | share |", "| --- " * 3 + "|"]
    for kind, parts in sorted(kinds.items(), key=lambda i: -sum(i[1].values())):
        lines.append(_row(f"**{kind}**", sum(parts.values()), total))
        if parts.keys() == {""}:
            continue
        ranked = sorted(parts.items(), key=lambda item: -item[1])
        lines += [_row(name, seconds, total) for name, seconds in ranked[:num_parts]]
        if others := ranked[num_parts:]:
            seconds = sum(seconds for _, seconds in others)
            lines.append(_row(f"{len(others)} others", seconds, total))
    return [*lines, _row("**sum**", total, total)]


def _row(name, seconds, total):
    return f"| {name} | {1e3 * seconds:.1f} | {seconds / total:.3f} |"
