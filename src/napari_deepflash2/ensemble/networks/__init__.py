"""The networks an ensemble can be made of. Importing this loads neither torch nor MONAI; building does."""

from .entry import NetworkEntry
from .pretrained import download_weights, find_pretrained, how_to_get
from .registry import NETWORKS, build_network, default_architecture, network_entry

__all__ = [
    "NETWORKS",
    "NetworkEntry",
    "build_network",
    "default_architecture",
    "download_weights",
    "find_pretrained",
    "how_to_get",
    "network_entry",
]
