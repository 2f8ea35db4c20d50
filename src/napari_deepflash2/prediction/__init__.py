"""From an image and trained networks to labels, probabilities and uncertainty."""

from .engine import Moments, Predictor, predict_moments
from .result import Prediction

__all__ = ["Moments", "Prediction", "Predictor", "predict_moments"]
