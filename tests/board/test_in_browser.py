"""What a person sees in optuna-dashboard, in Chromium: note, figures, columns, a trial's note."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import optuna
import pytest
from expected_study import unbroken

from optuna_bisect.dashboard import publish

if TYPE_CHECKING:
    from collections.abc import Iterator

MEMORY_DISK = Path("/dev/shm")  # noqa: S108 (a name of our own is made inside)
pytestmark = pytest.mark.soak
pytest.importorskip("playwright", reason="no playwright")
dashboard_pages = pytest.importorskip("dashboard_pages")


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    folder = tempfile.mkdtemp(dir=MEMORY_DISK if MEMORY_DISK.is_dir() else None)
    yield f"sqlite:///{folder}/s.db"
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="module")
def study(url) -> optuna.Study:
    # Searched in memory: a database on a disk takes a minute for the same.
    searched = unbroken()
    to = {"to_storage": url, "to_study_name": "s"}
    optuna.copy_study(from_study_name=searched.study_name, from_storage=searched._storage, **to)
    made = optuna.load_study(study_name="s", storage=url)
    publish(made)
    return made


@pytest.fixture(scope="module")
def opened(url, study) -> Iterator[tuple[Any, str]]:
    if not shutil.which("chromium"):
        pytest.skip("no chromium")
    with dashboard_pages.serve(url) as address, dashboard_pages.browser() as p:
        yield p, address


def test_the_page_of_the_study_draws_its_figures(opened, tmp_path) -> None:
    page, address = opened
    file = tmp_path / "figures.png"
    dashboard_pages.take_figures(page, address, file, dashboard_pages.FIGURES[2:])
    assert file.stat().st_size > 20_000  # a blank one has 6,000
    for title in ("How the bracket closed", "Loss curves by verdict", "Loss over the rate"):
        assert page.get_by_text(title).count()


def test_the_note_of_the_study_names_the_rate_and_every_trial(opened, study) -> None:
    page, address = opened
    dashboard_pages.show(page, f"{address}/note", "How to read this")
    text = page.inner_text("body")
    assert f"learning rate {study.best_params['lr']:.3g}" in text
    reasons = [t.user_attrs["bisect_reason"] for t in study.trials[:-1]]
    assert all(reason in text for reason in reasons)


def test_the_table_begins_with_what_became_of_a_trial_and_sorts_by_side(opened, study) -> None:
    page, address = opened
    where = dashboard_pages.table_address(address)
    dashboard_pages.show(page, where, "UserAttribute bisect_became")
    names = [text.split("sorted")[0] for text in page.locator("th").all_text_contents()]
    ours = [name for name in names if name.startswith("UserAttribute bisect_")]
    assert ours[0] == "UserAttribute bisect_became"
    side, became = (names.index(f"UserAttribute bisect_{n}") for n in ("side", "became"))
    page.locator("th").nth(side).locator("[role=button], .MuiTableSortLabel-root").first.click()
    column = page.locator(f"tbody tr td:nth-child({became + 1})")
    seen = [text for text in column.all_text_contents() if text != "final"]
    order = ["undershoot", "balanced", "overshoot"]
    ranks = [order.index(text) for text in seen]
    assert len(set(ranks)) == len(order)
    assert ranks in (sorted(ranks), sorted(ranks, reverse=True))


def test_the_page_of_a_trial_begins_with_its_verdict_and_fits_the_window(opened, study) -> None:
    page, address = opened
    for trial in (study.trials[0], study.trials[-2], study.trials[-1]):
        where = f"{address}/trials?numbers={trial.number}"
        dashboard_pages.show(page, where, "Written by optuna_bisect")
        note = page.get_by_text("Written by optuna_bisect").first
        assert note.bounding_box()["y"] < dashboard_pages.HEIGHT
        text = page.inner_text("body")
        assert f"{trial.params['lr']:.3g}" in text
        reason = trial.user_attrs.get("bisect_reason", "inal")
        assert reason[1:] in text.split("Written by")[0]
        assert page.evaluate("document.documentElement.scrollWidth") < 2 * dashboard_pages.WIDTH
