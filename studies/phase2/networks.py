"""The networks of the comparison, for images and for windows of text."""

from __future__ import annotations

import torch
from torch import nn


class ConvNet(nn.Sequential):
    """Two convolutions with stride on 14 x 14 pixels, and a hidden layer."""

    def __init__(self) -> None:
        super().__init__(
            nn.Conv2d(1, 16, 3, stride=2, padding=1),
            nn.ReLU(),
            nn.Conv2d(16, 32, 3, stride=2, padding=1),
            nn.ReLU(),
            nn.Flatten(),
            nn.Linear(32 * 16, 64),
            nn.ReLU(),
            nn.Linear(64, 10),
        )


class ExampleNet(nn.Sequential):
    """The network of PyTorch's MNIST example, on 28 x 28 pixels; for timing only."""

    def __init__(self) -> None:
        super().__init__(
            nn.Upsample(scale_factor=2),
            nn.Conv2d(1, 32, 3),
            nn.ReLU(),
            nn.Conv2d(32, 64, 3),
            nn.ReLU(),
            nn.MaxPool2d(2),
            nn.Flatten(),
            nn.Linear(64 * 144, 128),
            nn.ReLU(),
            nn.Linear(128, 10),
        )


class Block(nn.Module):
    """A residual block with batch norm."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv2d(width, width, 3, padding=1, bias=False),
            nn.BatchNorm2d(width),
            nn.ReLU(),
            nn.Conv2d(width, width, 3, padding=1, bias=False),
            nn.BatchNorm2d(width),
        )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Add the body to its input."""
        return torch.relu(x + self.body(x))


class ResNet(nn.Sequential):
    """Two residual blocks on 7 x 7 features."""

    def __init__(self) -> None:
        super().__init__(
            nn.Conv2d(1, 16, 3, stride=2, padding=1, bias=False),
            nn.BatchNorm2d(16),
            nn.ReLU(),
            Block(16),
            Block(16),
            nn.AdaptiveAvgPool2d(1),
            nn.Flatten(),
            nn.Linear(16, 10),
        )


class CharTransformer(nn.Module):
    """Two pre-norm layers of causal attention over 32 characters."""

    def __init__(self, n_symbols: int = 97, width: int = 32, length: int = 32) -> None:
        super().__init__()
        self.symbols = nn.Embedding(n_symbols, width)
        self.places = nn.Parameter(torch.zeros(length, width))
        layers = [
            nn.TransformerEncoderLayer(
                width, 4, 2 * width, dropout=0.0, batch_first=True, norm_first=True
            )
            for _ in range(2)
        ]
        self.layers = nn.ModuleList(layers)
        self.head = nn.Sequential(nn.LayerNorm(width), nn.Linear(width, n_symbols))
        mask = nn.Transformer.generate_square_subsequent_mask(length)
        self.register_buffer("mask", mask)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return logits of shape (batch, symbols, length)."""
        x = self.symbols(x) + self.places
        for layer in self.layers:
            x = layer(x, src_mask=self.mask)
        return self.head(x).transpose(1, 2)


class CharRnn(nn.Module):
    """One recurrent layer over 32 characters; a tied head has the symbols' own weights."""

    def __init__(self, cell: type[nn.RNNBase], n_in: int, *, is_tied: bool = False) -> None:
        super().__init__()
        n_symbols, width = 97, 48
        self.symbols = nn.Embedding(n_symbols, n_in)
        self.rnn = cell(n_in, width, batch_first=True)
        self.head = nn.Linear(width, n_symbols)
        if is_tied:
            self.head.weight = self.symbols.weight

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return logits of shape (batch, symbols, length)."""
        return self.head(self.rnn(self.symbols(x))[0]).transpose(1, 2)
