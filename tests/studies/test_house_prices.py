"""Five houses: the bowl is known exactly, so every claim about its rates can be checked."""

from __future__ import annotations

import math

import numpy as np
import pytest

from studies import house_prices, house_prices_runs


@pytest.fixture(scope="module")
def found() -> house_prices_runs.Findings:
    return house_prices_runs.collect(n_rates=21)


def test_the_edge_is_that_of_the_hessian_written_down_by_hand(found) -> None:
    sizes = np.array([1.5, 2.0, 2.5, 3.0, 3.5])
    bowl = 2 * np.array([[np.mean(sizes**2), np.mean(sizes)], [np.mean(sizes), 1]])
    assert found.edge == pytest.approx(2 / np.linalg.eigvalsh(bowl)[-1], rel=1e-3)
    for lr, loss in found.response:
        grows = not loss <= house_prices_runs.train(lr)[0]
        assert grows == (lr > found.edge), lr


def test_the_document_is_right_about_a_rate_that_is_too_low_and_wrong_about_the_other(
    found,
) -> None:
    assert found.verdicts == {0.0001: "undershoot", 0.1: "balanced", 0.01: "undershoot"}
    ends = [found.curves[f"SGD, {lr:g}"][-1] for lr in (0.1, 0.01, 0.0001)]
    assert ends == sorted(ends)
    assert found.found < found.edge


def test_step_lr_and_adam_as_printed_end_far_above_the_bisection(found) -> None:
    bisected, stepped, adam = (curve[-1] for curve in list(found.curves.values())[3:])
    assert bisected < stepped / 10 < adam / 100
    assert all(len(curve) == house_prices_runs.N_EPOCHS + 1 for curve in found.curves.values())


def test_the_finding_is_one_sentence_and_the_page_is_written(
    monkeypatch, tmp_path, capsys, found
) -> None:
    monkeypatch.setattr(house_prices, "collect", lambda: found)
    house_prices.main(["--output", str(tmp_path / "houses.html")])
    *_, last = capsys.readouterr().out.splitlines()
    assert last.startswith("Of the document's rates 0.1 is the best on these data")
    assert "0.0001 too low and 0.01 too low." in last
    assert "0.1: good" in (tmp_path / "houses.html").read_text()
    assert all(math.isfinite(curve[-1]) for curve in found.curves.values())
