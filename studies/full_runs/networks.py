"""The networks of the benchmark, small enough for a few milliseconds an update on one core."""

from __future__ import annotations

import torch
from torch import nn
from torch.nn.functional import scaled_dot_product_attention

from studies.full_runs.data import LENGTH, N_SYMBOLS


def conv_net(*, has_norm: bool = False) -> nn.Sequential:
    """Build three convolutions on 28 x 28 pixels and a linear head, with batch norm or without."""
    layers: list[nn.Module] = []
    for n_in, n_out in ((1, 16), (16, 32), (32, 32)):
        layers.append(nn.Conv2d(n_in, n_out, 3, stride=2, padding=1, bias=not has_norm))
        layers += [nn.BatchNorm2d(n_out)] if has_norm else []
        layers.append(nn.ReLU())
    return nn.Sequential(*layers, nn.Flatten(), nn.Linear(32 * 16, 10))


def mlp(n_in: int, n_out: int, width: int, dropout: float) -> nn.Sequential:
    """Build a fully connected network with three hidden layers and dropout."""
    layers: list[nn.Module] = []
    for i in range(3):
        layers += [nn.Linear(width if i else n_in, width), nn.ReLU(), nn.Dropout(dropout)]
    return nn.Sequential(*layers, nn.Linear(width, n_out))


class Block(nn.Module):
    """A pre-norm block of a GPT: causal attention, then a hidden layer."""

    def __init__(self, width: int, n_heads: int) -> None:
        super().__init__()
        self.n_heads = n_heads
        self.norm_1, self.norm_2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.qkv, self.out = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.mlp = nn.Sequential(
            nn.Linear(width, 4 * width), nn.GELU(), nn.Linear(4 * width, width)
        )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Add attention, then the hidden layer, to the input."""
        n, length, width = x.shape
        heads = self.qkv(self.norm_1(x)).reshape(n, length, 3, self.n_heads, -1)
        q, k, v = heads.permute(2, 0, 3, 1, 4)
        mixed = scaled_dot_product_attention(q, k, v, is_causal=True)
        x = x + self.out(mixed.transpose(1, 2).reshape(n, length, width))
        return x + self.mlp(self.norm_2(x))


class Gpt(nn.Module):
    """A character language model with learned places and two blocks."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.symbols = nn.Embedding(N_SYMBOLS, width)
        self.places = nn.Parameter(0.02 * torch.randn(LENGTH, width))
        self.blocks = nn.Sequential(Block(width, 4), Block(width, 4), nn.LayerNorm(width))
        self.head = nn.Linear(width, N_SYMBOLS)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return logits of shape (batch, symbols, length)."""
        return self.head(self.blocks(self.symbols(x) + self.places)).transpose(1, 2)


class CharLstm(nn.Module):
    """A recurrent character language model."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.symbols = nn.Embedding(N_SYMBOLS, 32)
        self.rnn = nn.LSTM(32, width, batch_first=True)
        self.head = nn.Linear(width, N_SYMBOLS)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return logits of shape (batch, symbols, length)."""
        return self.head(self.rnn(self.symbols(x))[0]).transpose(1, 2)
