"""What is written on a trial: plain values, seen by every hook (and ``trials.attribute_keys``)."""

from __future__ import annotations

import optuna
import pytest
from expected_study import unbroken
from optuna.trial import TrialState, create_trial
from synthetic_trainer import STEPS, roles

import optuna_bisect as ob
from optuna_bisect.trials import attributes


def test_user_attributes_are_plain_json_scalars() -> None:
    study = unbroken()
    values = [v for t in study.trials for v in t.user_attrs.values()]
    assert {type(v) for v in values} <= {str, int, float, bool}
    assert all(key.startswith("bisect_") for t in study.trials for key in t.user_attrs)
    assert roles(study)[-1] == "final"


def test_what_became_of_a_trial_is_the_first_column_and_what_nobody_reads_is_last() -> None:
    pytest.importorskip("pandas")
    frame = unbroken().trials_dataframe(attrs=("user_attrs",))
    columns = [name.removeprefix("user_attrs_bisect_") for name in frame.columns]
    assert columns[0] == "became"
    workings = [name.startswith("workings_") for name in columns]
    assert workings == sorted(workings)
    assert columns.index("verdict") < workings.index(True) < len(columns)
    assert set(frame["user_attrs_bisect_became"]) >= {"overshoot", "balanced", "final"}


def test_a_study_of_before_reads_the_same() -> None:
    """All of its attributes had the same prefix."""
    for trial in unbroken().trials:
        old = create_trial(state=trial.state, value=trial.value or 0.0)
        old.number = trial.number
        keys = trial.user_attrs.items()
        old.user_attrs = {key.replace("_workings_", "_"): value for key, value in keys}
        assert old.user_attrs.keys() != trial.user_attrs.keys()
        assert attributes.read(old) == attributes.read(trial)


def test_prune_sees_the_role_of_a_trial_that_another_hook_reads_from_storage_too() -> None:
    """Written twice: what is in storage alone is never seen by the live trial or ``prune()``."""
    study = optuna.create_study(sampler=ob.BisectionSampler(**STEPS), pruner=ob.VerdictPruner())
    trial = study.ask()
    stored = study._storage.get_trial(trial._trial_id)
    assert trial.user_attrs["bisect_role"] == stored.user_attrs["bisect_role"] == "probe"
    assert trial.user_attrs["bisect_number"] == stored.user_attrs["bisect_number"] == 0


@pytest.mark.parametrize(
    ("state", "history", "role"),
    [
        (TrialState.COMPLETE, [], "final"),
        (TrialState.PRUNED, [], "final"),
        (TrialState.FAIL, [], "final"),
        (TrialState.FAIL, [4], None),
        (TrialState.COMPLETE, [2, 4], None),
        (TrialState.COMPLETE, [2], "final"),
        (TrialState.RUNNING, [], None),
    ],
)
def test_a_copied_trial_keeps_its_attributes_and_a_clone_does_not(state, history, role) -> None:
    attrs = {"bisect_number": 4, "bisect_role": "final", "bisect_seed": 1, "bisect_judge": 3}
    trial = create_trial(
        state=state,
        value=1.0 if state == TrialState.COMPLETE else None,
        user_attrs=attrs,
        system_attrs={"retry_history": history} if history else {},
    )
    trial.number = 9
    found = attributes.read(trial)
    assert (found.role, found.judge) == (role, None)
