"""Training and loading ensembles. Importing this loads neither torch nor MONAI; using it does."""

from .loaded import Ensemble, load_ensemble
from .run import RunFolder
from .train import train_ensemble

__all__ = ["Ensemble", "RunFolder", "load_ensemble", "train_ensemble"]
