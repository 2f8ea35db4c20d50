"""The networks an ensemble can be made of. Importing this loads neither torch nor MONAI; building does."""

from .entry import NetworkEntry
from .registry import NETWORKS, build_network

__all__ = ["NETWORKS", "NetworkEntry", "build_network"]
