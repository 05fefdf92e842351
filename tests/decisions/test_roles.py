"""Exactly one final trial, in every interleaving of three workers that decide as the code does."""

from __future__ import annotations

import functools
from dataclasses import replace

import optuna
import pytest
from protocol_model import Rules, is_at_rest, n_complete, reachable, with_one_more
from synthetic_trainer import STEPS, make_objective

import optuna_bisect as ob
from optuna_bisect.study.reading import read_history


@functools.cache
def rules() -> Rules:
    """Search once; what follows is decided from that study."""
    study = optuna.create_study(sampler=ob.BisectionSampler(**STEPS), pruner=ob.VerdictPruner())
    study.optimize(make_objective())
    history = read_history(study)
    assert history.finished.finals
    return Rules(history._replace(finished=replace(history.finished, finals=())))


@pytest.mark.parametrize("n_deaths", [0, 1, 2])
@pytest.mark.parametrize("has_pauses", [False, True], ids=["in time", "pauses"])
def test_three_workers_complete_one_final_in_every_interleaving(n_deaths, has_pauses) -> None:
    world_rules = replace(rules(), n_deaths=n_deaths, has_pauses=has_pauses)
    worlds = reachable(world_rules, 3)
    assert len(worlds) > 100
    assert {n_complete(world) for world in worlds} == {0, 1}
    ends = [world for world in worlds if is_at_rest(world_rules, world)]
    if n_deaths == 0:
        assert {n_complete(world) for world in ends} == {1}
    assert {n_complete(with_one_more(world_rules, world)) for world in ends} == {1}


@pytest.mark.parametrize("n_deaths", [0, 2])
def test_without_long_pauses_two_finals_never_run_at_once(n_deaths) -> None:
    for world in reachable(replace(rules(), n_deaths=n_deaths), 3):
        assert sum(w.at == "run" and w.is_alive for w in world) <= 1


def test_the_search_finds_the_two_finals_of_a_protocol_that_does_not_look_again() -> None:
    """What the confirming read and the checks of a running final are good for."""
    blind = replace(rules(), has_pauses=True, has_confirm=False, has_checks=False)
    assert max(n_complete(world) for world in reachable(blind, 3)) > 1
    checked = replace(blind, has_checks=True)
    assert max(n_complete(world) for world in reachable(checked, 3)) == 1
