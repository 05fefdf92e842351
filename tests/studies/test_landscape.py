"""The pictures of the second document: what they claim holds on the runs that they show."""

from __future__ import annotations

import numpy as np
import pytest

from studies import landscape, landscape_runs
from studies.landscape_runs import Minimum, bowl, escape_bowl, rise


@pytest.fixture(scope="module")
def minimum() -> Minimum:
    return Minimum(n_steps=200)


def test_the_bowl_is_a_quadratic_with_the_edge_of_its_hessian() -> None:
    surface = bowl()
    sizes = np.array([1.5, 2.0, 2.5, 3.0, 3.5]) - 2
    hessian = 2 * np.array([[np.mean(sizes**2), np.mean(sizes)], [np.mean(sizes), 1]])
    assert surface.edge == pytest.approx(2 / np.linalg.eigvalsh(hessian)[-1], rel=1e-4)
    offsets = np.stack(np.meshgrid(surface.x - 200, surface.y - 400), -1)
    expected = np.einsum("rci,ij,rcj->rc", offsets, hessian / 2, offsets)
    assert np.allclose(surface.heights, expected, rtol=1e-3, atol=1)


def test_large_steps_zig_zag_small_ones_crawl_and_decaying_ones_get_lowest() -> None:
    small, large, decaying = bowl().paths.values()

    def turns(path) -> int:
        steps = np.diff(path.points, axis=0)
        return int((np.einsum("ti,ti->t", steps[:-1], steps[1:]) < 0).sum())

    assert turns(small) == 0
    assert turns(large) > len(large.points) / 2
    assert decaying.losses[-1] < min(small.losses[-1], large.losses[-1]) / 100


def test_the_edge_parts_rates_that_stay_from_those_that_leave(minimum) -> None:
    for escape in (escape_bowl, minimum.escape):
        assert escape(0.97, 200) <= 1 < escape(1.05, 200)
    assert rise([1.0, 0.5, 3.0], 0.5) == 5.0
    assert rise([1.0, np.nan], 0.5) == np.inf


def test_the_plane_goes_through_the_minimum_along_directions_as_long_as_the_weights(
    minimum,
) -> None:
    surface = minimum.plane()
    middle = landscape_runs.N_POINTS // 2
    row, column = np.unravel_index(surface.heights.argmin(), surface.heights.shape)
    assert max(abs(row - middle), abs(column - middle)) <= 2
    direction = minimum._direction(1)
    for name, weights in minimum._lowest.items():
        expected = weights.norm(dim=-1) if weights.dim() > 1 else 0 * weights.norm()
        assert np.allclose(direction[name].norm(dim=-1), expected, rtol=1e-4)


def test_each_picture_is_written_and_comes_with_a_sentence(minimum, monkeypatch, tmp_path) -> None:
    monkeypatch.setattr(landscape, "SHARES", (0.9, 1.1))
    monkeypatch.setattr(landscape, "SCRATCH", (0.01, 1.0))
    said = [
        landscape.show_rates(tmp_path, ".html"),
        landscape.show_bowl(tmp_path, ".html"),
        landscape.show_network(minimum, tmp_path, ".html"),
        landscape.show_edge(minimum, tmp_path, ".html", n_steps=150),
    ]
    assert [line.count(".\n") + line.endswith(".") for line in said] == [1] * 4
    names = {"rates", "bowl", "network", "edge"}
    assert {path.stem for path in tmp_path.iterdir()} == {f"landscape_{name}" for name in names}
    assert "stays below 0.9 and leaves above 1.1" in said[-1]
