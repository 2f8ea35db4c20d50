"""From an image and trained networks to labels, probabilities and uncertainty."""

from .engine import Moments, predict_moments
from .passes import Predictor
from .preparing import prepare
from .reliability import Reliability
from .result import Prediction

__all__ = ["Moments", "Prediction", "Predictor", "Reliability", "predict_moments", "prepare"]
