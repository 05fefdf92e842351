"""Two workers that choose one rate at one moment end with two."""

from __future__ import annotations

import copy
import threading

import pytest
from many_workers import join_study
from optuna.storages import InMemoryStorage
from optuna.trial import TrialState
from synthetic_trainer import HIGH, LOW, Trainer, make_objective

from optuna_bisect.decisions import next_rate
from optuna_bisect.search.proposal import Proposal
from optuna_bisect.study.reading import read_history
from optuna_bisect.trials import internals


def test_two_that_choose_the_same_rate_at_one_moment_end_with_two_rates(monkeypatch) -> None:
    storage, meet, chosen = InMemoryStorage(), threading.Barrier(2), []
    choose, first = next_rate.choose, threading.local()

    def choose_alike(*args, **kwargs) -> Proposal:
        if not getattr(first, "done", False):
            first.done = True
            meet.wait(10)
            return Proposal(1e-3, "halve")
        return choose(*args, **kwargs)

    monkeypatch.setattr(next_rate, "choose", choose_alike)

    def work() -> None:
        trial = join_study(storage, "s").ask()
        chosen.append(trial.suggest_float("lr", LOW, HIGH, log=True))

    join_study(storage, "s")
    threads = [threading.Thread(target=work) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(chosen)) == 2


def test_a_rate_is_taken_by_a_probe_that_is_read_with_its_verdict_and_without_its_rate() -> None:
    """A database is read table after table, and a probe may begin and end in between."""
    study = join_study(InMemoryStorage(), "s")
    study.optimize(make_objective(every=8), n_trials=1)
    trial = study.ask()
    rate = trial.suggest_float("lr", LOW, HIGH, log=True)
    trial.report(float("nan"), 0)
    assert trial.should_prune()
    assert [p.rate for p in read_history(study).finished.probes][-1] == rate
    torn = copy.deepcopy(study.trials[-1])
    torn.params, torn.distributions = {}, {}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(internals, "all_trials", lambda study: [study.trials[0], torn])
        history = read_history(study)
    assert [(r.number, r.rate) for r in history.running] == [(1, rate)]
    assert rate not in [p.rate for p in history.finished.probes]


def test_the_bracket_of_a_probe_is_the_one_around_a_probe_that_leads_while_it_runs() -> None:
    """So figures show with several workers that it closes, before any of them has ended."""
    study, trainer = join_study(InMemoryStorage(), "s"), Trainer()
    leader, *others = (study.ask() for _ in range(4))
    rates = [t.suggest_float("lr", LOW, HIGH, log=True) for t in (leader, *others)]
    for step in range(0, 12, 2):
        leader.report(trainer.loss(rates[0], step), step)
        assert not leader.should_prune()
    for trial, rate in zip(others, rates[1:], strict=True):
        for step in range(0, 12, 2):
            trial.report(trainer.loss(rate, step), step)
            if trial.should_prune():
                study.tell(trial, state=TrialState.PRUNED)
                break
        else:
            pytest.fail("none is as good as the leader")
    late = study.ask()
    late.suggest_float("lr", LOW, HIGH, log=True)
    brackets = [(t.user_attrs["bisect_low"], t.user_attrs["bisect_high"]) for t in study.trials]
    assert brackets[:4] == [(LOW, HIGH)] * 4
    low, high = brackets[4]
    assert low == max(rate for rate in rates if rate < rates[0])
    assert high == min(rate for rate in rates if rate > rates[0])
