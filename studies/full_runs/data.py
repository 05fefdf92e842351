"""The data of the benchmark: training and validation parts as tensors, all from local packages."""

from __future__ import annotations

import functools
import gzip
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch

# Debian's package `dataset-fashion-mnist` puts its files here.
FASHION = Path("/usr/share/datasets/fashion-mnist")
N_SYMBOLS, LENGTH = 97, 32
# Of the table's target, in its standard deviations.
NOISE = 0.2


class Data(NamedTuple):
    """Inputs and targets to train on, and others to validate on."""

    x: torch.Tensor
    y: torch.Tensor
    val_x: torch.Tensor
    val_y: torch.Tensor


def split(x: torch.Tensor, y: torch.Tensor, n_validate: int) -> Data:
    """Shuffle once and keep the last examples for validation."""
    order = torch.from_numpy(np.random.default_rng(0).permutation(len(y)))
    train, held = order[:-n_validate], order[-n_validate:]
    return Data(x[train], y[train], x[held], y[held])


def read_idx(name: str) -> np.ndarray:
    """Read one file of bytes in the format of MNIST."""
    with gzip.open(FASHION / f"{name}-ubyte.gz") as file:
        raw = file.read()
    n_axes = raw[3]
    shape = np.frombuffer(raw, ">i4", n_axes, offset=4)
    return np.frombuffer(raw, np.uint8, offset=4 + 4 * n_axes).reshape(shape)


def images(name: str) -> torch.Tensor:
    """Read images of clothes as numbers around 0."""
    x = torch.from_numpy(read_idx(f"{name}-images-idx3").copy()).float()
    return (x[:, None] / 255 - 0.286) / 0.353


def labels(name: str) -> torch.Tensor:
    """Read the labels of images of clothes."""
    return torch.from_numpy(read_idx(f"{name}-labels-idx1").astype(np.int64))


@functools.cache
def fashion() -> Data:
    """Load Fashion-MNIST: 60,000 images to train on, 2,500 of its test images to validate on."""
    held = images("t10k")[:2500], labels("t10k")[:2500]
    return Data(images("train"), labels("train"), *held)


@functools.cache
def table() -> Data:
    """Draw 20,000 rows of Friedman's first function with 10 columns: 16,000 to train on.

    The noise has 0.04 of the target's variance, so no model comes below a loss of 0.04.
    """
    from sklearn.datasets import make_friedman1  # noqa: PLC0415

    x, clean = make_friedman1(20_000, random_state=0)
    y = (clean - clean.mean()) / clean.std()
    y += NOISE * np.random.default_rng(1).standard_normal(len(y))
    columns = torch.from_numpy((x - 0.5) * 12**0.5).float()
    return split(columns, torch.from_numpy(y).float()[:, None], 4000)


@functools.cache
def text() -> Data:
    """Cut Python's help topics into 32 characters and their successors; a 24th validates."""
    from pydoc_data.topics import topics  # noqa: PLC0415

    raw = "\n".join(topics[name] for name in sorted(topics))
    codes = torch.tensor([min(max(ord(c) - 31, 0), N_SYMBOLS - 1) for c in raw])
    n = (len(codes) - 1) // LENGTH
    x = codes[: n * LENGTH].reshape(n, LENGTH)
    y = codes[1 : n * LENGTH + 1].reshape(n, LENGTH)
    held = torch.arange(n) % 24 == 0
    return Data(x[~held], y[~held], x[held], y[held])
