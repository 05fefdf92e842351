"""Whoever shares a storage can write anything: no worker, pruner or figure stumbles over it.

Covers ``trials.ignored``.
"""

from __future__ import annotations

import copy
import math
import threading
from typing import TYPE_CHECKING, Any

import optuna
import pytest
from expected_study import unbroken
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from odd_values import ODD_VALUES
from optuna.trial import TrialState
from synthetic_trainer import STEPS, make_objective

import optuna_bisect as ob
from optuna_bisect import dashboard, visualization
from optuna_bisect.trials.attribute_keys import key_of
from optuna_bisect.trials.attribute_types import READERS
from optuna_bisect.trials.attributes import Attrs, read
from optuna_bisect.trials.liveness import worker_id
from optuna_bisect.workers import role_claim

if TYPE_CHECKING:
    from collections.abc import Mapping

KEYS = [key_of({}, name) for name in Attrs._fields]
NEWER = {
    "bisect_role": "survey",
    "bisect_verdict": "plateau",
    "bisect_workings_question": "outlook",
    "bisect_status": {"of": ["a", "newer", "version"]},
    "bisect_adjustment": {"path": [[0, 0.1, "a"]], "moves": [[1, 0.1, "jump", "why", 3]], "n": 1},
}
# What is nearly right, and what the thread that reads it would take for its own.
NEAR: list[Any] = [
    worker_id(),
    f"{worker_id().rpartition(':')[0]}:abc",
    f"{worker_id().rpartition(':')[0]}:{'9' * 5000}",
    f"{worker_id().rpartition(':')[0]}:",
    "2020-01-01T00:00:00",
    "9999-12-31T23:59:59-23:59",
    "0001-01-01T00:00:00+23:59",
    "2020-13-01",
    "\ud800",
    "a | b\n<b>c</b>",
    {"path": 3, "moves": []},
    {"path": [], "moves": []},
    {"path": [[0, math.nan]], "moves": []},
    {"path": [[0, 0.1], [-1, 0.1]], "moves": [[0, 0.1]]},
    {"path": [["a", 0.1]], "moves": [[1, 0.1, None]]},
    {"path": [[0, 0.0], [10**400, 0.1]], "moves": [[1, 10**400, "stall"]]},
    {"path": {"0": 0.1}, "moves": None},
]
SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | st.text()
JSON = st.recursive(SCALARS, lambda x: st.lists(x) | st.dictionaries(st.text(), x), max_leaves=6)
VALUES = st.sampled_from(ODD_VALUES + NEAR) | JSON
FUZZED = st.dictionaries(st.sampled_from([*KEYS, "bisect_", "bisect_new"]), VALUES, max_size=6)


@pytest.fixture(autouse=True)
def no_waiting(monkeypatch) -> None:
    """A trial that looks as if it had no role yet is waited for."""
    monkeypatch.setattr(role_claim, "ROLE_GRACE_SECONDS", 0.0)


TRIALS = unbroken().trials


def with_attributes(
    on_each: Mapping[int, Mapping[str, Any]], running: Mapping[str, Any]
) -> optuna.Study:
    """Return a finished study with other attributes on some trials, and a trial that runs."""
    study = optuna.create_study(sampler=ob.BisectionSampler(**STEPS), pruner=ob.VerdictPruner())
    for trial in TRIALS:
        changed = copy.copy(trial)
        changed.user_attrs = trial.user_attrs | dict(on_each.get(trial.number, {}))
        changed.system_attrs = dict(on_each.get(trial.number, {}))
        study.add_trial(changed)
    known = {"bisect_number": len(TRIALS), "bisect_role": "probe"}
    study.add_trial(
        optuna.create_trial(
            state=TrialState.RUNNING,
            params={"lr": 1e-3},
            distributions=TRIALS[0].distributions,
            intermediate_values={0: 2.3, 2: 2.0},
            user_attrs=known | dict(running),
        )
    )
    return study


def use_everything(study: optuna.Study, fuzzed: Mapping[str, Any]) -> None:
    """Call all that reads a study, and run trials in it on which somebody writes meanwhile."""
    ob.find_winner(study)
    for trial in study.trials:
        assert isinstance(ob.trial_plan(trial).is_final, bool)
    visualization.plot_bracket(study)
    visualization.plot_curves(study)
    visualization.plot_adjustment(study)
    dashboard.publish(study)
    for stale_after in (None, 60.0):
        study.sampler = ob.BisectionSampler(**STEPS, stale_after=stale_after)
        trial = study.ask()
        for key, value in fuzzed.items():
            trial.set_user_attr(key, value)
        trial.suggest_float("lr", 1e-6, 1.0, log=True)
        trial.suggest_float("other", 0.0, 1.0)
        for step in range(0, 6, 2):
            trial.report(2.3 - 0.1 * step, step)
            trial.should_prune()
            ob.trial_plan(trial)
        study.tell(trial, 1.0)
        for key, value in fuzzed.items():
            study.set_user_attr(key, value)
        study.optimize(make_objective(), n_trials=2)


@settings(max_examples=25, suppress_health_check=list(HealthCheck))
@given(st.dictionaries(st.integers(0, len(TRIALS) - 1), FUZZED, max_size=3), FUZZED, FUZZED)
def test_nothing_stumbles_over_what_somebody_else_wrote(on_each, running, live) -> None:
    use_everything(with_attributes(on_each, running), live)


@pytest.mark.soak
@pytest.mark.parametrize("key", KEYS)
def test_nothing_stumbles_over_any_odd_value_under_any_key(key) -> None:
    values, n = [*ODD_VALUES, *NEAR], len(TRIALS)
    for start in range(0, len(values), n):
        odd = [{key: value} for value in values[start : start + n]]
        # Each value on a finished trial, on one that runs, and on one that somebody writes to.
        study = with_attributes(dict(enumerate(odd)), odd[0])
        use_everything(study, odd[-1])
        for other in odd[1:]:
            ob.find_winner(with_attributes({}, other))


@pytest.mark.parametrize("key", KEYS)
def test_what_we_never_write_counts_as_missing(key) -> None:
    for value in [*ODD_VALUES, *NEAR]:
        attrs = read(optuna.create_trial(value=0.0, user_attrs={"bisect_number": 0, key: value}))
        found = getattr(attrs, key.removeprefix("bisect_").removeprefix("workings_"))
        assert found is None or isinstance(found, str | int | float | dict)
        assert found is None or not isinstance(found, float) or math.isfinite(found)
    assert set(READERS) == set(Attrs._fields)


def test_it_is_said_once_for_each_study_and_key(caplog) -> None:
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    odd = {"bisect_low": "nothing", "bisect_worker": 7}
    for _ in range(2):
        caplog.clear()
        study = with_attributes({1: odd, 2: odd}, odd)
        for _ in range(3):
            ob.find_winner(study)
            visualization.plot_bracket(study)
        study.optimize(make_objective(), n_trials=1)
        said = [r.message for r in caplog.records if "is ignored" in r.message]
        assert len(said) == 2
        assert any("bisect_low = 'nothing', which is ignored" in line for line in said)


def test_words_and_keys_of_a_newer_version_are_kept(caplog) -> None:
    numbers = range(len(TRIALS))
    study = with_attributes(dict.fromkeys(numbers, NEWER), NEWER)
    use_everything(study, NEWER)
    assert not [r for r in caplog.records if "is ignored" in r.message]
    assert ob.trial_plan(study.trials[0]).role == "survey"
    assert read(study.trials[0]).adjustment == {"path": [[0, 0.1]], "moves": [[1, 0.1, "jump"]]}
    figure = visualization.plot_bracket(study)
    assert sum(len(trace.x) for trace in figure.data) > len(TRIALS)


def test_odd_attributes_do_not_change_the_winner() -> None:
    """Of what the search reads, only what the trials themselves say counts."""
    odd = {"bisect_confidence": "sure", "bisect_low": None, "bisect_high": [], "bisect_seed": "x"}
    study = with_attributes(dict.fromkeys(range(len(TRIALS)), odd), {})
    assert ob.find_winner(study) == ob.find_winner(with_attributes({}, {}))


def test_a_worker_that_is_no_string_stops_no_other_worker() -> None:
    """One attribute took every worker of a storage down: ``int`` has no ``rpartition``."""
    for value in (7, True, [], {}, "host", f"{worker_id()}x", threading.get_ident()):
        study = with_attributes({}, {"bisect_worker": value})
        study.optimize(make_objective(), n_trials=1)
        assert study.trials[-1].state.is_finished()


@pytest.mark.parametrize(("rung", "known"), [(0, 0), (2, 2), (64, 64), (65, None), (2**62, None)])
def test_a_rung_that_no_run_reaches_is_ignored(rung, known) -> None:
    assert READERS["rung"](rung) == known
