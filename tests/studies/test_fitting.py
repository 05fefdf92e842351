"""Under-, over-fitting and a good fit, each from a real run in a short form."""

from __future__ import annotations

import pytest

from studies import fitting

pytestmark = pytest.mark.soak


@pytest.fixture(scope="module")
def runs() -> list[fitting.Run]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(fitting, "FULL_STEPS", 600)
        return fitting.collect()


def test_each_run_has_the_name_of_the_document(runs) -> None:
    assert [run.fit.name for run in runs] == list(fitting.NAMES)


def test_the_best_step_of_the_run_that_over_fits_lies_early(runs) -> None:
    over = runs[-1]
    assert over.fit.best_step < 100
    assert over.points[-1][2] > 1.5 * over.fit.best_val_loss


def test_the_finding_is_one_sentence_and_the_page_is_written(
    monkeypatch, tmp_path, capsys, runs
) -> None:
    monkeypatch.setattr(fitting, "collect", lambda: runs)
    fitting.main(["--output", str(tmp_path / "fitting.html")])
    *_, last = capsys.readouterr().out.splitlines()
    assert last.startswith("The three runs are named under-fitting (1497 digits")
    assert "best step for validation" in (tmp_path / "fitting.html").read_text()
