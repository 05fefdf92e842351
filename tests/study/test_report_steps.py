"""Steps that do not count up from 0 in the unit of the settings: searched rightly, or said."""

from __future__ import annotations

import optuna
import pytest
from optuna.trial import TrialState
from storage_servers import grpc_proxy, make_tables
from synthetic_trainer import (
    FINAL_STEPS,
    HIGH,
    LOW,
    PROBE_STEPS,
    STEPS,
    Trainer,
    decades,
    make_objective,
    verdicts,
    with_role,
)
from worker_process import open_storage

import optuna_bisect as ob
from optuna_bisect.study.report_steps import find_first_step

TRAINER = Trainer(edge=0.05)


def search(name_steps, *, settings=STEPS, every=2, storage=None, trainer=TRAINER) -> optuna.Study:
    """Search with an objective that names its updates by steps of its own; None: no report."""
    n_done = iter(range(10**6))

    def objective(trial: optuna.Trial) -> float:
        lr = trial.suggest_float("lr", LOW, HIGH, log=True)
        for update in range(FINAL_STEPS):
            step = name_steps(update, next(n_done))
            if step is None or update % every:
                continue
            trial.report(trainer.loss(lr, update), step)
            if trial.should_prune():
                raise optuna.TrialPruned
        return trainer.loss(lr, FINAL_STEPS)

    study = optuna.create_study(
        sampler=ob.BisectionSampler(**settings), pruner=ob.VerdictPruner(), storage=storage
    )
    study.optimize(objective, n_trials=40)
    return study


@pytest.mark.parametrize("offset", [PROBE_STEPS + 1, 1_000, 10_000_000])
@pytest.mark.parametrize("kind", ["memory", "database"])
def test_a_run_that_goes_on_from_an_old_global_step_is_searched_as_from_0(
    offset, kind, said, folder
) -> None:
    """The rates, verdicts and lengths are those of steps from 0; both steps are named once."""
    storage = None if kind == "memory" else open_storage(f"sqlite:///{folder}/s.db")
    study = search(lambda update, n_done: offset + update, storage=storage)
    expected = search(lambda update, n_done: update)
    assert [t.params for t in study.trials] == [t.params for t in expected.trials]
    assert verdicts(study) == verdicts(expected)
    assert len(said(f"step {offset}", f"{offset + 2}", f"probe_steps={PROBE_STEPS}")) == 1


@pytest.mark.parametrize("every", [1, 2, 3])
def test_one_counter_for_all_trials_is_searched_as_from_0(every, said) -> None:
    """Steps that go on from trial to trial, the second one at the very length of a probe."""
    study = search(lambda update, n_done: n_done, every=every)
    assert decades(ob.find_winner(study).lr) < 0.35
    assert with_role(study, "final")[0].state == TrialState.COMPLETE
    assert len(said("step", "taken for the first step")) == 1


@pytest.mark.parametrize("top", [FINAL_STEPS, 2 * FINAL_STEPS, 10_000])
@pytest.mark.parametrize("kind", ["memory", "database"])
def test_a_run_that_counts_down_is_read_in_the_order_of_time(top, kind, said, folder) -> None:
    storage = None if kind == "memory" else open_storage(f"sqlite:///{folder}/s.db")
    study = search(lambda update, n_done: top - update, storage=storage)
    expected = search(lambda update, n_done: update)
    assert [t.params for t in study.trials] == [t.params for t in expected.trials]
    assert len(said(f"step {top} and then at {top - 2}")) == 1


def test_a_storage_that_forgets_the_order_of_reports_changes_nothing(folder, said) -> None:
    """Optuna's gRPC hands 10, 20, 30, 40, 50 out as 40, 10, 50, 20, 30, which counts up."""
    objective = make_objective(TRAINER, first=10, every=10, n_steps=None)
    make_tables(database := f"sqlite:///{folder}/s.db")
    with grpc_proxy(database) as url:
        for pruner in (ob.VerdictPruner(), optuna.pruners.NopPruner()):
            expected, study = (
                optuna.create_study(
                    sampler=ob.BisectionSampler(probe_steps=50, final_steps=300),
                    pruner=pruner,
                    storage=storage,
                )
                for storage in (None, open_storage(url))
            )
            expected.optimize(objective, n_trials=40)
            study.optimize(objective, n_trials=40)
            assert [t.params for t in study.trials] == [t.params for t in expected.trials]
            assert verdicts(study) == verdicts(expected)
            orders = [list(t.intermediate_values) for t in with_role(study, "probe")]
            assert any(steps[1] < steps[0] for steps in orders)
    assert not said("first step")


@pytest.mark.parametrize("old", [(8, 0), (16, 0, 8), (40, 10, 30, 20)])
def test_the_reports_of_a_dead_trial_may_come_to_its_clone_in_any_order(old, said) -> None:
    """Optuna's retry callback takes them over from the storage where it is told to."""
    study = optuna.create_study(sampler=ob.BisectionSampler(**STEPS), pruner=ob.VerdictPruner())
    reports = {step: TRAINER.loss(1e-3, step) for step in old}
    state = optuna.trial.TrialState.WAITING
    study.add_trial(optuna.create_trial(state=state, intermediate_values=reports))
    study.optimize(make_objective(TRAINER, first=max(old) + 8, every=8), n_trials=1)
    study.optimize(make_objective(TRAINER, every=8), n_trials=40)
    assert study.trials[0].user_attrs["bisect_verdict"] == "balanced"
    assert "bisect_workings_first_step" not in study.trials[0].user_attrs
    assert not said("first step") + said("late report")
    assert decades(ob.find_winner(study).lr) < 0.35


def test_a_run_that_counts_down_from_the_length_of_a_probe_is_noticed_in_the_second(said) -> None:
    """The first report of the first probe looks like its end; equal ones are no verdict."""
    study = search(lambda update, n_done: max(PROBE_STEPS - 1 - update, 0) or None, every=1)
    assert len(said("same value 2.3", "Trials 0 and 1", "probe_steps=40")) == 1
    assert len(study.trials[1].intermediate_values) > 1


@pytest.mark.parametrize("values", [(2.3, 2.3), (0.1, 0.1), (-1.0, -1.0)])
def test_equal_single_reports_are_never_a_verdict_about_the_rate(values) -> None:
    """Where a probe does end with the value of another rate, it is as good as that one."""
    study = optuna.create_study(
        sampler=ob.BisectionSampler(probe_steps=1, final_steps=50), pruner=ob.VerdictPruner()
    )
    for value in values:
        trial = study.ask()
        trial.suggest_float("lr", LOW, HIGH, log=True)
        trial.report(value, 0)
        trial.should_prune()
        study.tell(trial, value)
    assert "rate" not in study.trials[1].user_attrs["bisect_reason"]
    assert verdicts(study)[1] == "balanced"


@pytest.mark.parametrize(
    ("per_step", "settings"),
    [(16, STEPS), (10, {"probe_steps": 100, "final_steps": 2_000}), (40, STEPS)],
)
def test_epochs_where_the_settings_count_batches_are_noticed_in_the_first_probe(
    per_step, settings, said
) -> None:
    search(lambda update, n_done: update // per_step, settings=settings, every=per_step)
    last = (FINAL_STEPS - 1) // per_step
    assert len(said(f"step {last}", f"probe_steps={settings['probe_steps']}")) == 1


@pytest.mark.filterwarnings("ignore:The reported value is ignored")
@pytest.mark.parametrize("per_epoch", [4, 10, 16])
def test_steps_that_restart_each_epoch_are_noticed_in_the_first_probe(per_epoch, said) -> None:
    search(lambda update, n_done: update % per_epoch)
    assert len(said("over all epochs", f"probe_steps={PROBE_STEPS}")) == 1


@pytest.mark.parametrize("final_steps", [5, 10, 79])
def test_batches_where_the_settings_count_epochs_are_noticed_in_the_final_trial(
    final_steps, said
) -> None:
    search(lambda update, n_done: update, settings={"probe_steps": 2, "final_steps": final_steps})
    assert len(said("beyond", f"final_steps={final_steps}")) == 1


@pytest.mark.parametrize(
    ("first", "every"), [(0, 1), (1, 1), (0, 40), (39, 40), (40, 40), (9, 10), (10, 2)]
)
def test_ordinary_steps_are_left_alone(first, every, said) -> None:
    """From 0 or 1, rarely or often, and also where the first report comes late."""
    study = optuna.create_study(sampler=ob.BisectionSampler(**STEPS), pruner=ob.VerdictPruner())
    study.optimize(make_objective(TRAINER, first=first, every=every), n_trials=40)
    assert not said()
    assert not any("bisect_workings_first_step" in t.user_attrs for t in study.trials)
    assert max(t.last_step for t in with_role(study, "probe")) <= PROBE_STEPS + every


@pytest.mark.parametrize(
    ("steps", "expected"),
    [
        ((), None),
        ((500,), None),
        ((0, 2, 4), None),
        ((149, 299), None),
        ((150, 300), None),
        ((100, 101), 100),
        ((10_000, 10_050), 10_000),
        ((99, 98), 99),
        ((3, 1), 3),
    ],
)
def test_find_first_step(steps, expected) -> None:
    assert find_first_step(steps, 100) == expected
