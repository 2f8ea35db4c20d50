"""Training and loading ensembles. Importing this loads neither torch nor MONAI; using it does."""

from .estimate import RunEstimate, estimate_run
from .learning_rate import LearningRateCurve, find_learning_rate
from .loaded import Ensemble, load_ensemble
from .review import Review, load_review
from .run import RunFolder
from .student import Student, load_student
from .student_distilling import distil_student
from .train import train_ensemble

__all__ = [
    "Ensemble",
    "LearningRateCurve",
    "Review",
    "RunEstimate",
    "RunFolder",
    "Student",
    "distil_student",
    "estimate_run",
    "find_learning_rate",
    "load_ensemble",
    "load_review",
    "load_student",
    "train_ensemble",
]
