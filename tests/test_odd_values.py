"""Every public argument under odd values: refused at once with a clear sentence, or works."""

from __future__ import annotations

import itertools
import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import optuna
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from odd_values import NOT_NUMBERS, ODD_VALUES
from optuna.trial import TrialState
from public_calls import PUBLIC_CALLS, STEPS, make_optimizer, search

import optuna_bisect as ob
from optuna_bisect.adjuster import BisectionLR

if TYPE_CHECKING:
    from collections.abc import Iterator

MEMORY_DISK = Path("/dev/shm")  # noqa: S108 (a name of our own is made inside)
LABELS = sorted(PUBLIC_CALLS)
# Drawn by number: a value that pytest or hypothesis would have to show may have no text.
CASES = st.tuples(st.sampled_from(LABELS), st.integers(0, len(ODD_VALUES) - 1))


@pytest.fixture(scope="module")
def sqlite(tmp_path_factory) -> Iterator[optuna.storages.RDBStorage]:
    """One database for all studies, in memory where possible: making one outlasts a study."""
    folder = tmp_path_factory.mktemp("odd")
    if MEMORY_DISK.is_dir():
        folder = Path(tempfile.mkdtemp(prefix="optuna_bisect-", dir=MEMORY_DISK))
    storage = optuna.storages.RDBStorage(f"sqlite:///{folder}/s.db")
    yield storage
    storage.engine.dispose()
    shutil.rmtree(folder)


def made(label: str, value: Any) -> Any:
    """Return the use of what was made with a value, or None where it was refused clearly."""
    name = label[label.index("(") + 1 : -1]
    # Of a saved state the whole is named, whichever part of it is wrong.
    name = "state_dict" if "load_state_dict" in label else name
    try:
        return PUBLIC_CALLS[label](value)
    except (TypeError, ValueError) as error:
        said = str(error)
    assert name in said, label
    assert "but got" in said, label
    return None


@pytest.mark.parametrize("label", LABELS)
def test_every_odd_value_is_refused_with_a_clear_sentence_or_taken(label) -> None:
    """All of them, in fifteen seconds; a drawn few would find a fault on some other day."""
    for value in ODD_VALUES:
        made(label, value)


FEW = settings(max_examples=200, suppress_health_check=list(HealthCheck))
MANY = settings(FEW, max_examples=2000)


@FEW
@given(case=CASES)
def test_an_odd_value_that_is_taken_works_to_the_end_of_a_study(sqlite, case) -> None:
    label, index = case
    if use := made(label, ODD_VALUES[index]):
        use(sqlite)


@pytest.mark.soak
@MANY
@given(case=CASES)
def test_2000_odd_values_are_refused_with_a_clear_sentence_or_work(sqlite, case) -> None:
    label, index = case
    if use := made(label, ODD_VALUES[index]):
        use(sqlite)
    assert all(
        trial.state != TrialState.RUNNING
        for summary in sqlite.get_all_studies()[-1:]
        for trial in sqlite.get_all_trials(summary._study_id, deepcopy=False)
    )


NUMBERS_AS_THEY_COME = [20, 20.0, np.int64(20), np.float64(20.0), np.array(20), torch.tensor(20)]


@pytest.mark.parametrize("steps", NUMBERS_AS_THEY_COME, ids=lambda value: type(value).__name__)
def test_a_whole_number_may_come_as_any_number_and_is_stored_as_an_int(steps, sqlite) -> None:
    """SQLite took no np.int64: the trial stayed RUNNING, and the study ended in a TypeError."""
    sampler = ob.BisectionSampler(probe_steps=steps, final_steps=np.float32(40), seed=np.int8(3))
    study = search(sqlite, sampler)
    attrs = study.trials[0].user_attrs
    assert (attrs["bisect_probe_steps"], attrs["bisect_final_steps"]) == (20, 40)
    assert ob.trial_plan(study.trials[0]).seed == 3
    values = [*attrs.pop("bisect_held", {}).values(), *attrs.values()]
    assert {type(v) for v in values} <= {str, int, float}


@pytest.mark.parametrize("index", range(len(NOT_NUMBERS)))
def test_what_is_no_number_is_none_anywhere(index) -> None:
    """One rule: strings, bools, Decimals, lists, arrays and tensors of several are no numbers."""
    value = NOT_NUMBERS[index]
    if value is None:
        return
    with pytest.raises(ValueError, match="start_lr must be a positive number but got"):
        BisectionLR(make_optimizer(), None, start_lr=value, probe_steps=None)
    with pytest.raises(ValueError, match="final_steps must be a positive whole number but got"):
        ob.BisectionSampler(final_steps=value)
    with pytest.raises(ValueError, match="low must be a positive number but got"):
        ob.Bracket(value, 1.0)


@pytest.mark.parametrize(
    "options",
    [
        {"start_lr": 20.0, "bracket": ob.Bracket(0.1, 1.0)},
        {"start_lr": None},
        {"probe_steps": 30},
        {"final_steps": "40"},
        {"decay": np.array(["law", "none"])},
        {"restore": (torch.nn.Linear, torch.optim.SGD)},
    ],
    ids=lambda options: next(iter(options)),
)
def test_the_first_probe_refuses_what_only_the_final_trial_uses(options) -> None:
    """Otherwise it is refused after the whole search, in the final trial."""
    study = optuna.create_study(sampler=ob.BisectionSampler(**STEPS))
    with pytest.raises(ValueError, match=r"(start_lr|_steps|decay|restore) must .*but got"):
        BisectionLR.for_trial(make_optimizer(), study.ask(), **options)


@pytest.mark.parametrize("bracket", [ob.Bracket(1e-9, 1e-8), ob.Bracket(0.9, 1.0)])
def test_a_bracket_of_the_user_holds_the_rate_of_the_final_trial(bracket, sqlite) -> None:
    """Where the winner lies outside, the nearer end is taken; it was an error after the search."""
    rates = []

    def begin(trial: optuna.Trial) -> BisectionLR:
        scheduler = BisectionLR.for_trial(make_optimizer(), trial, bracket=bracket)
        if ob.trial_plan(trial).is_final:
            rates.append(scheduler.get_last_lr()[0])
        return scheduler

    search(sqlite, begin=begin)
    assert len(rates) == 1
    assert rates[0] in bracket


def test_every_public_argument_is_tried() -> None:
    owners = {label[: label.index("(")].split(".")[0] for label in LABELS}
    assert set(ob.__all__) - {"BisectionSampler"} <= owners | {"BisectionSampler"}
    assert len(list(itertools.product(LABELS, ODD_VALUES))) > 10_000
