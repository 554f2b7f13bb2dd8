"""Training and measuring mood models; needs the extra ``train``, and nothing of it is imported to label."""

from mood_core.classifier.training.data import LabelledTracks, read_labelled
from mood_core.classifier.training.evaluation import Evaluation, evaluate_model, evaluate_recipe
from mood_core.classifier.training.labels import parse_mood_words
from mood_core.classifier.training.measured import Measured
from mood_core.classifier.training.promotion import Candidate, PairedTest, compare_models, evaluate_unseen, paired_test
from mood_core.classifier.training.recipe import Recipe
from mood_core.classifier.training.requirements import require_training
from mood_core.classifier.training.train import train_model

__all__ = [
    "Candidate",
    "Evaluation",
    "LabelledTracks",
    "Measured",
    "PairedTest",
    "Recipe",
    "compare_models",
    "evaluate_model",
    "evaluate_recipe",
    "evaluate_unseen",
    "paired_test",
    "parse_mood_words",
    "read_labelled",
    "require_training",
    "train_model",
]
