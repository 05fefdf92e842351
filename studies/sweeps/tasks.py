"""The tasks that are recorded: small data sets and networks, and which optimizer trains them."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, NamedTuple

import torch
from torch import nn
from torch.nn.functional import softmax

from studies.shared.data import Data, digits, encode, friedman, help_text, mnist
from studies.shared.networks import cnn, mlp, residual

if TYPE_CHECKING:
    from collections.abc import Callable

N_CHARS, CONTEXT = 48, 16


class Problem(NamedTuple):
    """A data set and a network, with the length of a full run."""

    load: Callable[[], Data]
    build: Callable[[], nn.Module]
    total_steps: int
    batch_size: int = 32


@cache
def text() -> Data:
    """Cut Python's own help into windows of characters; the target is the next character."""
    coded = encode(help_text(), N_CHARS)
    cut = len(coded) * 9 // 10
    train, held = (part.unfold(0, CONTEXT + 1, 1) for part in (coded[:cut], coded[cut:]))
    held = held[:: len(held) // 96]
    return Data(train[:, :-1], train[:, 1:], held[:, :-1], held[:, 1:])


class Transformer(nn.Module):
    """A language model of one causal attention layer and one hidden layer, both residual."""

    def __init__(self, width: int = 16, n_heads: int = 2) -> None:
        super().__init__()
        self.n_heads = n_heads
        self.tokens = nn.Linear(N_CHARS, width)
        self.places = nn.Parameter(torch.randn(CONTEXT, width) * 0.1)
        self.norms = nn.ModuleList(nn.LayerNorm(width) for _ in range(3))
        self.attend = nn.Linear(width, 3 * width)
        self.merge = nn.Linear(width, width)
        self.hidden = nn.Sequential(
            nn.Linear(width, 4 * width), nn.GELU(), nn.Linear(4 * width, width)
        )
        self.head = nn.Linear(width, N_CHARS)
        self.register_buffer("mask", torch.full((CONTEXT, CONTEXT), -1e9).triu(1))

    def forward(self, codes: torch.Tensor) -> torch.Tensor:
        """Return the logits of the next character, shape (batch, context, characters)."""
        stream = self.tokens(nn.functional.one_hot(codes, N_CHARS).float()) + self.places
        stream = stream + self._attention(self.norms[0](stream))
        stream = stream + self.hidden(self.norms[1](stream))
        logits: torch.Tensor = self.head(self.norms[2](stream))
        return logits

    def _attention(self, stream: torch.Tensor) -> torch.Tensor:
        query, key, value = (
            part.unflatten(-1, (self.n_heads, -1)).transpose(-2, -3)
            for part in self.attend(stream).chunk(3, -1)
        )
        scores = query @ key.transpose(-1, -2) / query.shape[-1] ** 0.5 + self.mask
        merged: torch.Tensor = self.merge(
            (softmax(scores, -1) @ value).transpose(-2, -3).flatten(-2)
        )
        return merged


PROBLEMS = {
    "digits-mlp": Problem(digits, lambda: mlp(64, 10), 2_000),
    "digits-cnn": Problem(digits, lambda: cnn(8), 2_000),
    "digits-residual": Problem(digits, lambda: residual(8, has_running_means=False), 2_000),
    "mnist-mlp": Problem(mnist, lambda: mlp(196, 10), 2_000),
    "mnist-cnn": Problem(mnist, lambda: cnn(14), 2_000),
    "mnist-residual": Problem(mnist, lambda: residual(14, has_running_means=False), 2_000),
    "friedman-mlp": Problem(friedman, lambda: mlp(10, 1, activation=nn.Tanh), 4_000),
    "text-transformer": Problem(text, Transformer, 2_000, 8),
}

TASKS = [
    "digits-mlp/sgd",
    "mnist-mlp/momentum",
    "friedman-mlp/adam",
    "digits-cnn/rmsprop",
    "text-transformer/adamw",
    "digits-residual/momentum",
    "friedman-mlp/sgd",
    "mnist-mlp/adam",
    "mnist-cnn/sgd",
    "digits-mlp/adagrad",
    "friedman-mlp/adagrad",
    "mnist-mlp/rmsprop",
    "digits-residual/adam",
    "digits-cnn/momentum",
    "text-transformer/momentum",
    "digits-cnn/adamw",
    "friedman-mlp/momentum",
    "mnist-residual/sgd",
    "mnist-cnn/adam",
    "digits-mlp/adamw",
    "text-transformer/rmsprop",
    "mnist-residual/adamw",
    "mnist-mlp/adagrad",
    "mnist-cnn/adamw",
]
