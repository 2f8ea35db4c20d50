"""Commands about networks: which there are, and weights to start from."""

from __future__ import annotations

from typing import Annotated

import typer

from .cli_parts import Bars


def networks() -> None:
    """List the networks: parameters, GFLOPs for a tile of 512 x 512 pixels, ImageNet's weights, purpose."""
    from .ensemble.networks import NETWORKS, find_pretrained

    for name, entry in NETWORKS.items():
        here = "ImageNet: here" if find_pretrained(name) else "ImageNet: to be had" if entry.imagenet else ""
        cost = f"{entry.parameters / 1e6:5.1f} M  {entry.gflops:5.1f} GFLOPs"
        typer.echo(f"{name:30} {cost}  {here:19}  {entry.purpose}")


def download_weights(
    network: Annotated[str, typer.Argument(help="Name of a network, as `networks` lists them.")],
) -> None:
    """Download the weights that a network's encoder learned from ImageNet into your cache."""
    from .ensemble.networks import download_weights

    with Bars() as bars:
        path = download_weights(network, bars)
    typer.echo(f"The weights of {network} are in {path}")
