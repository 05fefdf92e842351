"""Values that somebody passes where a number, a word or an object of Optuna is meant."""

from __future__ import annotations

import datetime
import enum
import math
from decimal import Decimal
from fractions import Fraction
from typing import Any

import numpy as np
import optuna
import torch

import optuna_bisect as ob


class Word(str, enum.Enum):
    """A word that is an enum, as configurations have."""

    MINIMIZE = "minimize"
    LR = "lr"


class Count(enum.IntEnum):
    """A number that is an enum."""

    TWENTY = 20


class Nameless:
    """An object whose own text is broken."""

    def __repr__(self) -> str:
        raise RuntimeError("no text")


NOT_NUMBERS: list[Any] = [
    None,
    True,
    False,
    np.bool_(True),
    "",
    "0.1",
    "20",
    "lr",
    "minimize",
    "law",
    "cosine",
    "balanced",
    "ü\n\x00",
    np.str_("maximize"),
    Word.MINIMIZE,
    Word.LR,
    b"20",
    [],
    [20],
    [[0.1]],
    {},
    {"lr": 0.1},
    (0.01, 1.0),
    (None, None),
    {1},
    range(3),
    1j,
    float,
    len,
    object(),
    Nameless(),
    Decimal("0.1"),
    Decimal(20),
    datetime.timedelta(seconds=60),
    np.array([]),
    np.array([0.5]),
    np.array([0.1, 0.2]),
    np.array("0.5"),
    np.array(None),
    np.datetime64("2020-01-01"),
    torch.tensor([1.0, 2.0]),
    torch.tensor([]),
    torch.tensor(1j),
    torch.tensor(True),
    torch.nn.Linear(1, 1),
    ob.Bracket(0.01, 1.0),
    optuna.samplers.RandomSampler(),
    optuna.samplers.RandomSampler,
    optuna.distributions.FloatDistribution(0.0, 1.0),
]
NUMBERS: list[Any] = [
    0,
    -0.0,
    -1,
    1,
    2,
    20,
    20.0,
    2.5,
    0.05,
    0.5,
    1 - 2**-53,
    1e-300,
    5e-324,
    1e308,
    -1e308,
    math.nan,
    math.inf,
    -math.inf,
    2**31,
    2**32 - 1,
    2**53 + 1,
    2**63 - 1,
    2**63,
    10**400,
    -(10**400),
    10**5000,
    Fraction(1, 3),
    Fraction(20, 1),
    Fraction(10**400, 3),
    Count.TWENTY,
    np.float16(0.5),
    np.float32(0.1),
    np.float64(20.0),
    np.longdouble("0.1"),
    np.float64("nan"),
    np.int8(3),
    np.int64(20),
    np.uint64(2**64 - 1),
    np.array(0.05),
    np.array(20),
    torch.tensor(0.05),
    torch.tensor(20),
    torch.tensor(math.nan),
    torch.tensor(0.5, requires_grad=True),
]
ODD_VALUES = NOT_NUMBERS + NUMBERS
