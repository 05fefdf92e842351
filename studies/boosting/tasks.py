"""Eight data sets for boosting, which packages ship or generate."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, NamedTuple

from mlxtend.data import autompg_data, boston_housing_data
from sklearn import datasets
from sklearn.model_selection import train_test_split

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy as np

Kind = Literal["binary", "multiclass", "regression"]


class Task(NamedTuple):
    """Data to learn from, held-out data, and what is predicted."""

    x: np.ndarray
    y: np.ndarray
    held_x: np.ndarray
    held_y: np.ndarray
    kind: Kind


def _hastie() -> tuple[np.ndarray, np.ndarray]:
    x, y = datasets.make_hastie_10_2(6_000, random_state=0)
    return x, (y > 0).astype(int)


def _noisy() -> tuple[np.ndarray, np.ndarray]:
    return datasets.make_classification(
        6_000, 20, n_informative=10, n_classes=2, flip_y=0.1, random_state=0
    )


_SOURCES: dict[str, tuple[Callable[[], tuple[np.ndarray, np.ndarray]], Kind]] = {
    "breast cancer": (lambda: datasets.load_breast_cancer(return_X_y=True), "binary"),
    "digits": (lambda: datasets.load_digits(return_X_y=True), "multiclass"),
    "diabetes": (lambda: datasets.load_diabetes(return_X_y=True), "regression"),
    "boston": (boston_housing_data, "regression"),
    "auto mpg": (autompg_data, "regression"),
    "friedman": (lambda: datasets.make_friedman1(4_000, noise=1.0, random_state=0), "regression"),
    "hastie": (_hastie, "binary"),
    "noisy": (_noisy, "binary"),
}
NAMES = tuple(_SOURCES)


def load(name: str) -> Task:
    """Return a task by its name; three tenths are held out."""
    source, kind = _SOURCES[name]
    x, held_x, y, held_y = train_test_split(*source(), test_size=0.3, random_state=0)
    return Task(x, y, held_x, held_y, kind)
