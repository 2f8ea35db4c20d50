"""An ensemble and a prediction in words."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..viewer.predicting import Figures, LayerPrediction

if TYPE_CHECKING:
    from ..ensemble.manifest import Manifest

NOT_KNOWN = "not known: the notes say why"
MOST_PLANES = 12


def card_of(manifest: Manifest) -> str:
    """Describe an ensemble in a few lines."""
    members = manifest.members
    dice = ", ".join(f"{member.best_dice:.3f}" for member in members) or "–"
    done = sum(member.finished for member in members)
    trained_on = len(manifest.image_hashes)
    lines = [
        f"{len(members)} of {manifest.planned} models ({manifest.configuration.training.architecture})",
        f"classes {', '.join(str(value) for value in manifest.classes)}; {_channels(manifest.channels)}",
        f"trained on {trained_on} image{'s' if trained_on != 1 else ''}",
        f"held-out Dice by fold: {dice}",
    ]
    if done < manifest.planned:
        lines.append(f"Incomplete: {done} of {manifest.planned} models are trained to the end.")
    return "\n".join(lines)


def result_of(prediction: LayerPrediction) -> str:
    """Say how good the prediction is likely to be."""
    planes = prediction.planes
    scores = [plane.score for plane in planes]
    lines = [f"Uncertainty score: {sum(scores) / len(scores):.3f} (mean over the foreground, 0 to 1)"]
    if len(planes) > 1:
        shown = ", ".join(f"{score:.3f}" for score in scores[:MOST_PLANES])
        lines.append(f"by plane: {shown}{', …' if len(planes) > MOST_PLANES else ''}")
    return "\n".join([*lines, _expected(planes), _likeness(planes)])


def _expected(planes: tuple[Figures, ...]) -> str:
    if all(plane.expected_dice is None for plane in planes):
        return f"Expected Dice: {NOT_KNOWN}"
    return f"Expected Dice: {', '.join(_dice(plane) for plane in planes[:MOST_PLANES])}"


def _dice(plane: Figures) -> str:
    if plane.expected_dice is None:
        return "not known"
    if plane.expected_dice_interval is None:
        return f"{plane.expected_dice:.2f}"
    low, high = plane.expected_dice_interval
    return f"{plane.expected_dice:.2f} ({low:.2f} to {high:.2f})"


def _likeness(planes: tuple[Figures, ...]) -> str:
    if any(plane.is_ood is None for plane in planes):
        return "Like the training images: not known"
    unlike = [str(number) for number, plane in enumerate(planes) if plane.is_ood]
    return f"Unlike the training images: planes {', '.join(unlike)}" if unlike else "Like the training images"


def _channels(count: int) -> str:
    return "1 channel" if count == 1 else f"{count} channels"
