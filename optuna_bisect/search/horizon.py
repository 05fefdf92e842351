"""The horizon law: which rate a long run wants, given the best rate of a short one."""

from __future__ import annotations


def correct(rate: float, horizon: int, final_steps: int | None, exponent: float) -> float:
    """Correct a probe's rate for a longer run: short runs prefer higher rates.

    The best constant rate falls as a power of the number of steps; 0.32 is the exponent that
    Bjorck et al. (ICLR 2025, "Scaling Optimal LR Across Token Horizons") published for language
    models, and 0.29 to 0.36 is what recorded runs of small networks gave.

    Args:
        rate: Best rate of the probes.
        horizon: Steps that the winning probe really ran.
        final_steps: Steps of the full run.
        exponent: The power, 0 for no correction.

    Returns:
        ``rate * (horizon / final_steps) ** exponent``.
    """
    if final_steps is None or horizon <= 0 or rate <= 0:
        return rate
    return rate * float((horizon / final_steps) ** exponent)
