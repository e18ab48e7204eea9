"""Scores as a table."""

_COLUMNS = ("ari_fg", "msc_fg", "ari", "msc")
_TITLES = ("ARI-FG", "MSC-FG", "ARI", "MSC")


def markdown_table(results):
    """Returns a Markdown table of the scores of one model.

    Args:
        results: Dict "fixed" / "flexible" -> scores as `evaluate` returns them.
    """
    lines = [
        "| slots | masks | " + " | ".join(_TITLES) + " | average K | K MAE |",
        "|---" * (len(_TITLES) + 4) + "|",
    ]
    for mode, scores in results.items():
        for kind in ("masks", "object_masks"):
            if f"{kind}/ari" not in scores:
                continue
            values = [f"{scores[f'{kind}/{name}']:.3f}" for name in _COLUMNS]
            slots = [f"{scores['average_slots']:.2f}", f"{scores['slots_mae']:.2f}"]
            lines.append(f"| {mode} | {kind} | {' | '.join(values + slots)} |")
    fixed = results["fixed"]
    left_out = fixed.get("num_without_foreground", 0)
    lines += [
        "",
        _errors(fixed),
        f"{fixed['num_images']} images, of which ARI-FG and MSC-FG leave out "
        f"{left_out} without foreground.",
    ]
    return "\n".join(lines)


def _errors(scores):
    per_value = f"{scores['error_per_value']:.4f} per pixel and channel."
    if "elbo" not in scores:
        error = f"squared reconstruction error {scores['error']:.1f} per image"
        return f"ELBO -, KL - (no likelihood); {error}, {per_value}"
    return (
        f"ELBO {scores['elbo']:.1f} nats per image, KL {scores['kl']:.1f} nats; "
        f"reconstruction error {scores['error']:.1f} nats per image, {per_value}"
    )
