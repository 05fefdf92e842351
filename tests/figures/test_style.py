"""What all figures share."""

from __future__ import annotations

import pytest
from figure_data import data_of

from optuna_bisect.visualization import plot_bracket, plot_curves, plot_response

PLOTS = [plot_bracket, plot_curves, plot_response]


@pytest.mark.parametrize("plot", PLOTS)
def test_a_figure_carries_no_template(finished, plot) -> None:
    assert not data_of(plot(finished))["layout"].get("template")
