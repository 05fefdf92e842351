"""Probes that run at the same time: what they tell each other, and which rates they take."""

from __future__ import annotations

import optuna
import pytest
from expected_study import assert_one_final
from optuna.trial import TrialState
from synthetic_trainer import (
    HIGH,
    LOW,
    STEPS,
    Trainer,
    decades,
    make_objective,
    verdicts,
    with_role,
)

import optuna_bisect as ob
from optuna_bisect.search.assessment import assess
from optuna_bisect.search.grid import Grid
from optuna_bisect.search.probe import Probe
from optuna_bisect.search.proposal import propose
from optuna_bisect.search.running import answer, founded, led_by_cut, led_by_running
from optuna_bisect.verdicts.curve import Curve
from studies.scaling import rounds

TRAINER = Trainer()
COLLAPSED = Curve(tuple(range(0, 20, 2)), (2.3, *(1.0 + 0.15 * i for i in range(9))))


def curve(lr: float, until: int = 40) -> Curve:
    steps = tuple(range(0, until + 1, 2))
    return Curve(steps, tuple(TRAINER.loss(lr, step) for step in steps))


def probe(number: int, lr: float, until: int = 40, **also) -> Probe:
    also = {"question": "halve", "is_full": until >= 40, **also}
    return Probe(number, lr, curve(lr, until), **also)


def evidence(*probes: Probe):
    return assess(probes, Grid(LOW, HIGH))


def test_a_probe_beyond_a_rate_that_lost_is_answered() -> None:
    found = evidence(probe(0, 1e-3), probe(1, 1e-4, 8, is_full=False))
    verdict = answer(found, probe(2, 1e-5, 4))
    assert verdict.name == "undershoot"
    assert "answered by others: trial 1" in verdict.reason
    assert answer(found, probe(2, 3e-4, 4)) is None


@pytest.mark.parametrize("question", ["recheck", None])
def test_what_looks_beyond_the_bracket_on_purpose_is_not_answered(question) -> None:
    found = evidence(probe(0, 1e-3), probe(1, 1e-4, 8, is_full=False))
    assert answer(found, probe(2, 1e-5, 4, question=question)) is None


def test_a_probe_that_is_ahead_of_the_incumbent_is_not_answered() -> None:
    slow, lost = probe(0, 1e-4), probe(1, 3e-4, 40, is_full=False)
    found = evidence(slow, Probe(1, lost.rate, slow.curve, is_full=False))
    assert found.incumbent.number == 0
    assert answer(found, probe(2, 2e-3, 8)) is None


def test_where_another_search_leads_the_best_probe_that_was_cut_for_it_leads_its_own() -> None:
    rival = Probe(9, 1e-2, Curve(tuple(range(0, 41, 2)), tuple(2.3 * 0.9**i for i in range(21))))
    cut = [probe(i, rate, 10) for i, rate in enumerate((3e-4, 1e-3, 3e-3, 1e-2))]
    alone = evidence(*cut)
    assert alone.incumbent is None
    led = led_by_cut(alone, rival)
    assert led.incumbent.rate == min(cut, key=lambda p: p.curve.losses[-1]).rate
    assert led.rival is rival
    full = probe(4, led.incumbent.rate)
    assert led_by_cut(evidence(full), rival).incumbent is full


def test_a_neighbour_that_the_rival_would_cut_again_is_not_run_once_more() -> None:
    best = probe(0, 1e-3)
    beside = [Probe(1, best.rate / 3, best.curve.until(8), is_full=False), probe(2, 3e-3, 8)]
    found = evidence(best, *beside)
    assert propose(found).question == "recheck"
    rival = Probe(9, 1e-2, Curve(best.curve.steps, tuple(0.4 * x for x in best.curve.losses)))
    assert propose(found._replace(rival=rival)) is None
    assert propose(found._replace(rival=best)).question == "recheck"


def test_the_best_running_probe_leads_until_one_has_finished() -> None:
    nothing = evidence()
    running = [probe(0, 1e-4, 8), probe(1, 1e-3, 8), probe(2, 1e-1, 8)]
    assert led_by_running(nothing, running).incumbent.number == 1
    assert led_by_running(nothing, []) is nothing
    better = evidence(probe(3, 2e-3))
    assert led_by_running(better, running) is better
    worse = evidence(probe(3, 1e-4))
    assert led_by_running(worse, running[1:]).incumbent.number == 1
    assert led_by_running(worse, running[1:], lead=100.0) is worse


def test_what_was_cut_against_a_run_that_collapsed_later_is_asked_again() -> None:
    judge = Probe(0, 1e-1, COLLAPSED, is_full=False)
    cut = probe(1, 2e-3, 4, judge=0)
    kept = founded([judge, cut])
    assert [p.number for p in kept] == [0]
    assert kept[0].has_fallen
    assert led_by_running(evidence(*kept), [probe(2, 3e-1, 8)]).incumbent is None
    good = probe(0, 2e-3)
    behind = probe(1, 1e-4, 8, judge=0)
    assert founded([good, behind]) == (good, behind)


def test_two_probes_side_by_side_judge_each_other() -> None:
    """The worse one is stopped by the better one long before that one has ended."""
    study = optuna.create_study(sampler=ob.BisectionSampler(**STEPS), pruner=ob.VerdictPruner())
    trials = [study.ask() for _ in range(2)]
    for trial, lr in zip(trials, (2e-3, 1e-5)):
        study._storage.set_trial_user_attr(trial._trial_id, "bisect_workings_claim", lr)
        trial._suggest("lr", optuna.distributions.FloatDistribution(lr, lr * (1 + 1e-9), log=True))
    ended = None
    for step in range(0, 40, 2):
        for i, trial in enumerate(trials):
            if ended is None or i == 0:
                trial.report(TRAINER.loss((2e-3, 1e-5)[i], step), step)
                if trial.should_prune() and i == 1:
                    ended = step
                    study.tell(trial, state=TrialState.PRUNED)
    assert ended is not None
    assert ended < 20
    assert verdicts(study)[1] == "undershoot"
    assert study.trials[1].user_attrs["bisect_workings_judge"] == 0
    assert study.trials[0].state == TrialState.RUNNING


@pytest.mark.soak
def test_idle_probes_are_not_counted_as_spent_but_do_not_go_on_for_ever() -> None:
    """A dead probe keeps its question for ever where nothing goes stale."""
    study = optuna.create_study(
        sampler=ob.BisectionSampler(**STEPS, max_probes=6), pruner=ob.VerdictPruner()
    )
    study.optimize(make_objective(), n_trials=1)
    for _ in range(4):
        study.ask().suggest_float("lr", LOW, HIGH, log=True)
    study.optimize(make_objective(), n_trials=60)
    assert len(with_role(study, "final")) == 1
    assert len(with_role(study, "probe")) <= 3 * 6 + 4


@pytest.mark.parametrize("n_workers", [1, 2, 4, 8])
def test_rounds_stay_near_those_of_k_section(n_workers) -> None:
    """Bar: 1.25 of the ideal, in lengths of a probe, for workers that are equally fast."""
    found = rounds.mean_search(n_workers, 1e-6, 1.0, 8, in_step=False)
    assert found.time <= 1.25 * rounds.ideal_rounds(n_workers, 1e-6, 1.0)


@pytest.mark.parametrize("n_workers", [2, 4, 8])
def test_rounds_of_workers_that_wait_for_each_other(n_workers) -> None:
    found = rounds.mean_search(n_workers, 1e-6, 1.0, 8, in_step=True)
    assert found.n_rounds <= 1.25 * rounds.ideal_rounds(n_workers, 1e-6, 1.0)


def test_threads_find_what_one_worker_finds() -> None:
    study = optuna.create_study(sampler=ob.BisectionSampler(**STEPS), pruner=ob.VerdictPruner())
    study.optimize(make_objective(), n_jobs=4)
    assert_one_final(study)
    assert decades(study.best_trial.params["lr"], 2e-3 * (41 / 160) ** 0.32) < 0.25
