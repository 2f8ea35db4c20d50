"""From the masks of one image to their consensus."""

from __future__ import annotations

import logging
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..config import Configuration, ConsensusConfig
from ..errors import InputError, Problem, raise_if_any
from .masks import Masks, read_masks
from .notes import notes_on
from .patterns import Patterns, count_patterns
from .performance import confusion_counts, foreground_of
from .result import Consensus
from .staple import StapleFit, fit_staple, starting_performance
from .voting import at_least, decide, vote_counts, vote_shares

Float = NDArray[np.float64]

_CREEPING = 1e-4

logger = logging.getLogger(__name__)


def estimate_consensus(masks: Masks, method: str = "staple", **settings: Any) -> Consensus:
    """Estimate the ground truth behind the masks of several experts.

    Where two or more labels are equally likely, or have equally many votes, a pixel gets `undecided_label`.
    Label 0 is background, all others are foreground.

    Parameters
    ----------
    masks : sequence of arrays, or mapping of str to array
        One integer array (..., Y, X) of labels for each of R experts, all of one shape; any labels from 0
        on. None stands for an expert without a mask.
    method : {"staple", "majority", "weighted", "union", "intersection", "at_least"}
        - ``"staple"`` estimates truth and each expert's performance together, by
          expectation-maximisation [1]_ [2]_.
        - ``"majority"``: the label with most votes; ``"weighted"``: with the highest sum of `weights`.
        - ``"union"``, ``"intersection"``, ``"at_least"``: the foreground label with most votes where at least
          one expert, all experts who judged the pixel, or `min_votes` experts gave it, else background.
    **settings
        The settings of `napari_deepflash2.config.ConsensusConfig`: undecided_label, ignore_label, classes,
        weights, min_votes, prior, initial_performance, max_iterations, tolerance, require_convergence.

    Returns
    -------
    Consensus
        labels, probabilities, classes, experts (table), iterations, converged, notes.

    Raises
    ------
    InputError
        Where masks differ in shape (names the experts), hold fractions, negative values, unexpected labels
        or numbers of objects; where a setting is out of its range or does not fit the experts; and where
        STAPLE is far from convergence, unless `require_convergence` is False.

    References
    ----------
    .. [1] Warfield, Zou, Wells, IEEE Transactions on Medical Imaging 23:903-921, 2004,
       doi 10.1109/TMI.2004.828354.
    .. [2] Rohlfing, Russakoff, Maurer, IEEE Transactions on Medical Imaging 23:983-994, 2004,
       doi 10.1109/TMI.2004.830803.
    """
    config = Configuration.of({"consensus": {"method": method, **settings}}).consensus
    read = read_masks(masks)
    consensus = consensus_of_patterns(count_patterns(read, config.classes, config.ignore_label), config)
    consensus = replace(consensus, notes=(*absence_notes(read.absent), *consensus.notes))
    for note in consensus.notes:
        logger.warning("%s", note)
    return consensus


def absence_notes(absent: tuple[str, ...]) -> tuple[Problem, ...]:
    """Note the experts without a mask of this image."""
    if not absent:
        return ()
    found = "no mask of this image, so no vote in it"
    return (Problem(", ".join(absent), found, "Add it where there is one.", "missing-mask"),)


def consensus_of_patterns(patterns: Patterns, config: ConsensusConfig) -> Consensus:
    """Estimate the consensus of patterns that are already counted; see `estimate_consensus`."""
    check_settings(patterns.experts, config)
    consensus = consensus_of_patterns_silently(patterns, config)
    return replace(consensus, notes=(*notes_on(patterns), *consensus.notes, *tie_notes(consensus)))


def consensus_of_patterns_silently(patterns: Patterns, config: ConsensusConfig) -> Consensus:
    """Estimate the consensus without looking at the masks for what is worth a note."""
    if config.method != "staple" or len(patterns.experts) == 1:
        return _of_votes(patterns, config)
    fit = staple_of_patterns(patterns, config)
    return replace(staple_consensus(patterns, fit, config), notes=convergence_notes(fit, config))


def staple_of_patterns(patterns: Patterns, config: ConsensusConfig) -> StapleFit:
    """Run STAPLE with the prior and the start that the settings ask for."""
    right = config.initial_performance
    start = [right[name] if isinstance(right, dict) else right for name in patterns.experts]
    if config.prior is None:
        prior = patterns.class_shares()
    else:
        prior = np.array([config.prior.get(label, 0.0) for label in patterns.classes])
    return fit_staple(
        patterns,
        prior,
        starting_performance(patterns.n_classes, np.array(start)),
        config.max_iterations,
        config.tolerance,
    )


def staple_consensus(patterns: Patterns, fit: StapleFit, config: ConsensusConfig) -> Consensus:
    """Make the consensus from what STAPLE found."""
    return Consensus(
        "staple",
        patterns,
        fit.posteriors,
        fit.posteriors,
        confusion_counts(patterns, fit.posteriors * judged(patterns)[:, None]),
        config.undecided_label,
        config.ignore_label,
        fit.iterations,
        fit.converged,
    )


def judged(patterns: Patterns) -> NDArray[np.bool_]:
    """Which patterns hold a vote at all, shape (U,)."""
    return np.asarray((patterns.votes < patterns.n_classes).any(axis=1))


def check_settings(experts: tuple[str, ...], config: ConsensusConfig) -> None:
    """Refuse settings that do not fit the experts, all at once."""
    problems = []
    for setting in ("weights", "initial_performance"):
        given = getattr(config, setting)
        missing = [name for name in experts if isinstance(given, dict) and name not in given]
        if missing:
            found = f"no value is given for {', '.join(missing)}"
            problems.append(Problem(setting, found, "Give one for every expert.", "missing-expert-setting"))
    if config.weights is not None and not any(config.weights.get(name, 1) for name in experts):
        problems.append(Problem("weights", "all are 0", "Give at least one expert a weight.", "no-weight"))
    raise_if_any(problems)


def convergence_notes(fit: StapleFit, config: ConsensusConfig) -> tuple[Problem, ...]:
    """Refuse a fit that has not converged; note it where it only creeps or the settings accept it.

    Masks that agree no better than chance have a likelihood so flat that the rounds creep on for ever. A
    change below 1e-4 a round is worth a note only.
    """
    if fit.converged:
        return ()
    problem = Problem(
        "STAPLE",
        f"has not converged in {fit.iterations} iterations (last change {fit.change:.1e}, tolerance "
        f"{config.tolerance:.1e})",
        "Allow more iterations or a larger tolerance, or take a majority vote.",
        "not-converged",
    )
    if config.require_convergence and fit.change > _CREEPING:
        raise InputError([problem])
    return (problem,)


def _of_votes(patterns: Patterns, config: ConsensusConfig) -> Consensus:
    weights = (
        None if config.weights is None else np.array([config.weights[name] for name in patterns.experts])
    )
    votes = vote_counts(patterns, weights)
    scores = _scores(votes, patterns, config)
    winners, _ = decide(scores, _index_of(patterns.classes, config.undecided_label))
    truth = (winners[:, None] == np.arange(patterns.n_classes)) & judged(patterns)[:, None]
    return Consensus(
        config.method,
        patterns,
        vote_shares(votes),
        scores,
        confusion_counts(patterns, truth.astype(np.float64)),
        config.undecided_label,
        config.ignore_label,
    )


def _index_of(classes: tuple[int, ...], label: int) -> int:
    return classes.index(label) if label in classes else len(classes)


def _scores(votes: Float, patterns: Patterns, config: ConsensusConfig) -> Float:
    least = {"union": 1.0, "intersection": votes.sum(axis=1), "at_least": float(config.min_votes)}
    if config.method not in least:
        return votes
    return at_least(votes, foreground_of(patterns.classes), least[config.method])


def tie_notes(consensus: Consensus) -> tuple[Problem, ...]:
    """Note the share of undecided pixels."""
    share = consensus.undecided_share
    if not share:
        return ()
    return (
        Problem(
            "consensus",
            f"{share:.2%} of the pixels are undecided: two labels are equally likely there",
            f"They carry label {consensus.undecided_label}; look at them, or ask one more expert.",
            "undecided-pixels",
        ),
    )
