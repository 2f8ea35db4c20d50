"""The command that looks for a learning rate."""

from __future__ import annotations

import typer

from .cli_parts import (
    Bars,
    ConfigFile,
    Experts,
    Groups,
    Images,
    Masks,
    Out,
    PresetName,
    settings_of,
)


def find_learning_rate(
    images: Images,
    out: Out,
    masks: Masks = None,
    experts: Experts = None,
    config: ConfigFile = None,
    preset: PresetName = None,
    groups: Groups = None,
) -> None:
    """Train shortly while the learning rate grows, and suggest the one to train with."""
    from .ensemble import find_learning_rate

    settings = settings_of(config, "training", preset)
    with Bars() as bars:
        curve = find_learning_rate(images, masks, settings, bars, experts=experts, groups=groups)
    curve.save(out)
    typer.echo(f"learning_rate = {curve.suggestion:.1e}")
    typer.echo(f"learning_rate.csv and learning_rate.png are in {out}")
