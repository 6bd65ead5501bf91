"""What benchmarks are judged by. Nothing here is trained on, or tuned to, what it judges."""

from judges.classifier import Classifier, train_classifier
from judges.manifold import precision_and_recall
from judges.transport import wasserstein_between, wasserstein_of_shift

__all__ = [
    "Classifier",
    "precision_and_recall",
    "train_classifier",
    "wasserstein_between",
    "wasserstein_of_shift",
]
