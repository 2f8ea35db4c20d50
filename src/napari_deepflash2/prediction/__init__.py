"""From an image and trained networks to labels, probabilities and uncertainty."""

from .engine import Moments, predict_moments
from .hesitation import Hesitation, hesitation_in_words, measure_hesitation
from .passes import Predictor
from .preparing import prepare
from .reliability import Reliability
from .result import Prediction

__all__ = [
    "Hesitation",
    "Moments",
    "Prediction",
    "Predictor",
    "Reliability",
    "hesitation_in_words",
    "measure_hesitation",
    "predict_moments",
    "prepare",
]
