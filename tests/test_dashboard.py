"""What is published is what optuna-dashboard serves."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import TYPE_CHECKING, Any

import optuna
import pytest
from figure_data import search_several
from optuna_dashboard import get_note
from synthetic_trainer import STEPS, Trainer, make_objective

import optuna_bisect as ob
from optuna_bisect.board.trial_note import MARK
from optuna_bisect.dashboard import (
    BRACKET_ID,
    CONFIGURATIONS_ID,
    CURVES_ID,
    RESPONSE_ID,
    format_note,
    publish,
)
from optuna_bisect.figures.summary import summarize

if TYPE_CHECKING:
    from collections.abc import Iterator

START_SECONDS = 60


@pytest.fixture
def study(folder) -> optuna.Study:
    return optuna.create_study(
        study_name="s",
        storage=f"sqlite:///{folder}/s.db",
        sampler=ob.BisectionSampler(**STEPS, seed=0),
        pruner=ob.VerdictPruner(),
    )


@pytest.fixture
def server(folder) -> Iterator[str]:
    """Run the real server on a free local port; the address of its API."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = Path(sys.executable).parent / "optuna-dashboard"
    process = subprocess.Popen(
        [command, f"sqlite:///{folder}/s.db", "--host", "127.0.0.1", "--port", str(port)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    yield f"http://127.0.0.1:{port}/api"
    process.terminate()
    process.wait(timeout=30)


def fetch(url: str) -> Any:
    """Fetch JSON, waiting until the server has started."""
    end = time.monotonic() + START_SECONDS
    while (served := try_to_fetch(url)) is None:
        assert time.monotonic() < end, "the server does not answer"
        time.sleep(0.1)
    return served


def try_to_fetch(url: str) -> Any:
    """Fetch JSON; None while nobody answers."""
    try:
        with urllib.request.urlopen(url, timeout=10) as response:  # noqa: S310
            return json.load(response)
    except (urllib.error.URLError, ConnectionError):
        return None


def test_the_server_serves_the_notes_and_all_figures(study, server) -> None:
    study.optimize(make_objective(Trainer()), n_trials=30)
    publish(study)
    served = fetch(f"{server}/studies/1")
    note, final = served["note"]["body"], study.best_trial
    assert f"Final trial {final.number}: learning rate {final.params['lr']:.3g}" in note
    assert ob.find_winner(study).status in note
    for trial in study.trials[:-1]:
        assert f"| {trial.number} | {trial.params['lr']:.3g} |" in note
        assert trial.user_attrs["bisect_reason"] in note
    figures = {f["id"]: json.loads(f["graph_object"]) for f in served["plotly_graph_objects"]}
    assert set(figures) == {BRACKET_ID, CURVES_ID, RESPONSE_ID}
    assert all(figure["data"] for figure in figures.values())
    for trial in served["trials"]:
        assert trial["note"]["body"].endswith(MARK)
    keys = {attr["key"] for attr in served["trials"][0]["user_attrs"]}
    assert {"bisect_verdict", "bisect_reason", "bisect_low", "bisect_high"} <= keys


def test_publishing_after_every_trial_replaces_what_was_there(study) -> None:
    study.optimize(
        make_objective(Trainer()), n_trials=3, callbacks=[lambda study, _: publish(study)]
    )
    assert get_note(study).count("How to read") == 1
    assert get_note(study) == format_note(summarize(study))
    study.optimize(make_objective(Trainer()), n_trials=30)
    publish(study)
    assert get_note(study).startswith("## Final trial")


def test_of_several_configurations_the_note_names_the_winner_and_what_each_cost() -> None:
    study = search_several()
    publish(study)
    note, summary = get_note(study), summarize(study)
    best, final = summary.leading, summary.final
    first, *_ = note.splitlines()
    assert first.endswith(f"learning rate {final.rate:.3g}, configuration {best.number}")
    assert "Its configuration: quality 1." in note
    assert f"3 configurations were searched, together for {summary.cost:.3g} of a full run" in note
    for c in summary.configurations:
        (line,) = [s for s in note.splitlines() if s.startswith(f"| {c.number} | {c.result} |")]
        assert f"| {c.n_steps} |" in line
        assert c.result != "dropped" or c.reason in line
    attrs = study._storage.get_study_system_attrs(study._study_id)
    assert any(CONFIGURATIONS_ID in key for key in attrs)


def test_an_empty_study_is_published_too(study) -> None:
    publish(study)
    assert "no winner yet" in get_note(study)


def test_without_lengths_the_note_names_the_winner_so_far() -> None:
    study = optuna.create_study(sampler=ob.BisectionSampler(seed=0))
    study.optimize(lambda t: t.suggest_float("lr", 1e-6, 1, log=True) ** 2, n_trials=4)
    publish(study)
    assert get_note(study).startswith("## Winner so far")
    assert "cost" not in get_note(study)


def test_a_reason_with_a_bar_or_a_new_line_stays_in_its_cell(study) -> None:
    study.add_trial(
        optuna.trial.create_trial(
            state=optuna.trial.TrialState.PRUNED,
            params={"lr": 0.1},
            distributions={"lr": optuna.distributions.FloatDistribution(1e-3, 1, log=True)},
            user_attrs={"bisect_number": 0, "bisect_role": "probe", "bisect_verdict": "overshoot",
                        "bisect_reason": "a | b\nc"},
        )
    )  # fmt: skip
    publish(study)
    assert "a \\| b c |" in get_note(study)


def test_without_the_dashboard_the_error_names_the_extra(monkeypatch) -> None:
    monkeypatch.setitem(sys.modules, "optuna_dashboard", None)
    with pytest.raises(ImportError, match=r"pip install 'optuna_bisect\[dashboard\]'"):
        publish(optuna.create_study())
