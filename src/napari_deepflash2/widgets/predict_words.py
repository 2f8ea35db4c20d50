"""An ensemble and a prediction in words."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from ..viewer.known import Figures
from ..viewer.predicting import LayerPrediction

if TYPE_CHECKING:
    from ..ensemble.manifest import Manifest

NOT_KNOWN = "not known: the notes say why"
MOST_PLANES = 12
MANY = 0.01


def card_of(manifest: Manifest) -> str:
    """Describe an ensemble in a few lines."""
    members = manifest.members
    dice = ", ".join(f"{member.best_dice:.3f}" for member in members) or "–"
    done = sum(member.finished for member in members)
    trained_on = len(manifest.image_hashes)
    lines = [
        f"{len(members)} of {manifest.planned} models ({manifest.configuration.training.architecture})",
        f"takes images of {_channels(manifest.channels)}",
        f"gives the classes {', '.join(str(value) for value in manifest.classes)}",
        f"trained on {trained_on} image{'s' if trained_on != 1 else ''}",
        f"held-out Dice by fold: {dice}",
    ]
    if done < manifest.planned:
        lines.append(f"Incomplete: {done} of {manifest.planned} models are trained to the end.")
    return "\n".join(lines)


def why_not_channels(available: int, chosen: Sequence[int] | None, needed: int) -> str:
    """Say why an ensemble cannot take these channels of an image, and what to do; empty where it can.

    Parameters
    ----------
    available : int
        Channels of the image.
    chosen : sequence of int or None
        Those to take; None for all.
    needed : int
        Those the ensemble was trained on.
    """
    if needed == (available if chosen is None else len(chosen)):
        return ""
    trained = f"The ensemble was trained on {_channels(needed)}"
    if available < needed:
        return f"{trained}, the image has {available}: choose the axis that holds them, or another image."
    given = f"the image has {available}" if chosen is None else f"{len(chosen)} are chosen"
    how_many = "one" if needed == 1 else str(needed)
    return f"{trained}, {given}: choose {how_many} under Take channels."


def result_of(prediction: LayerPrediction) -> str:
    """Say what was predicted and how good it is likely to be, plane by plane where there are several."""
    planes = prediction.planes
    if len(planes) == 1:
        (one,) = planes
        lines = [_expected(one), _likeness(one), _score(one), _part(one, prediction)]
    else:
        lines = [_several(prediction), *(_line(one) for one in planes[:MOST_PLANES])]
        if len(planes) > MOST_PLANES:
            lines.append(f"… and {len(planes) - MOST_PLANES} more")
    if prediction.is_stopped:
        lines.insert(0, _stopped(prediction))
    return "\n".join(line for line in lines if line)


def _stopped(prediction: LayerPrediction) -> str:
    indices, region = prediction.target.indices, prediction.target.region
    done = sum(
        one.is_complete and one.index in indices and one.region.within(region) == region
        for one in prediction.planes
        if one.region.touches(region)
    )
    kept = "What was predicted is kept; elsewhere the uncertainty is not known."
    return (
        f"Stopped after {done} of {len(indices)} planes. {kept}" if len(indices) > 1 else f"Stopped. {kept}"
    )


def _several(prediction: LayerPrediction) -> str:
    scores = [one.score for one in prediction.planes if one.score is not None]
    lines = []
    if scores:
        lines.append(f"Uncertainty score: {sum(scores) / len(scores):.3f} (mean of the planes, 0 to 1)")
    if all(one.expected_dice is None for one in prediction.planes):
        lines.append(f"Expected Dice: {NOT_KNOWN}")
    return "\n".join(lines)


def _line(one: Figures) -> str:
    """Say in one line what is known of a plane, or of a part of it."""
    where = f"plane {', '.join(map(str, one.index))}" if one.index else "part"
    if not one.is_whole_plane:
        where += f", {_rows_and_columns(one)}"
    if not one.is_complete:
        return f"{where}: {_percent(one.share)} predicted, not judged"
    likeness = {
        None: "likeness not known",
        False: "like the training images",
        True: "unlike the training images",
    }
    return f"{where}: Dice {_dice(one)}; {likeness[one.is_ood]}; uncertainty {one.score:.3f}"


def _part(one: Figures, prediction: LayerPrediction) -> str:
    plane = f" of plane {', '.join(map(str, one.index))}" if one.index else ""
    if not one.is_complete:
        region = "" if one.is_whole_plane else f" of {_rows_and_columns(one)}"
        return f"Predicted: {_percent(one.share)}{region}{plane}, too little to judge it"
    if one.is_whole_plane:
        return f"Predicted: all{plane}" if plane else ""
    height, width = prediction.image.grid.shape[-2:]
    share = one.region.shape[0] * one.region.shape[1] / (height * width)
    return f"Predicted: {_rows_and_columns(one)}{plane} ({_percent(share)}), judged as an image of its own"


def _rows_and_columns(one: Figures) -> str:
    region = one.region
    return f"rows {region.top} to {region.bottom - 1}, columns {region.left} to {region.right - 1}"


def _percent(share: float) -> str:
    return f"{100 * share:.0f} %" if share >= MANY else "less than 1 %"


def _score(one: Figures) -> str:
    if one.score is None:
        return ""
    return f"Uncertainty score: {one.score:.3f} (mean over the foreground, 0 to 1)"


def _expected(one: Figures) -> str:
    if not one.is_complete:
        return "Expected Dice: not known of a part"
    return f"Expected Dice: {NOT_KNOWN if one.expected_dice is None else _dice(one)}"


def _dice(one: Figures) -> str:
    if one.expected_dice is None:
        return "not known"
    if one.expected_dice_interval is None:
        return f"{one.expected_dice:.2f}"
    low, high = one.expected_dice_interval
    return f"{one.expected_dice:.2f} ({low:.2f} to {high:.2f})"


def _likeness(one: Figures) -> str:
    if one.is_ood is None:
        return "Like the training images: not known"
    if not one.is_ood:
        return "Like the training images"
    return f"Unlike the training images, by {one.ood_score:.1f} times the spread among them"


def _channels(count: int) -> str:
    return "1 channel" if count == 1 else f"{count} channels"
