"""The engine as a whole: pure, inside its limits, blind to the scale of losses; how runs end."""

from __future__ import annotations

import ast
import sys
from dataclasses import replace
from pathlib import Path

from feedback_runs import OPEN, SCHEDULE, drive, learns, signals
from hypothesis import given, settings
from hypothesis import strategies as st

import optuna_bisect.feedback.engine
from optuna_bisect.feedback.engine import advance, begin_race, rate
from optuna_bisect.feedback.settings import Settings
from optuna_bisect.feedback.state import Losses


def test_the_engine_imports_only_numpy_the_standard_library_and_its_own_layer():
    own = {"gain", "legs", "race", "schedule", "settings", "trend_tests", "state", "detectors"}
    pure = {"_checks", "verdicts.curve"}
    package = Path(optuna_bisect.__file__).parent / "feedback"
    for name in (*own, "engine"):
        for node in ast.walk(ast.parse((package / f"{name}.py").read_text())):
            if isinstance(node, ast.ImportFrom):
                root, _, rest = (node.module or "").partition(".")
                inside = root == "optuna_bisect" and rest.removeprefix("feedback.") in own | pure
                assert inside or root == "numpy" or root in sys.stdlib_module_names


def test_after_a_race_the_age_of_the_run_is_what_its_weights_have_seen():
    state = begin_race(replace(SCHEDULE, decay="none"), 8, 1)
    for step in range(5, 2000, 5):
        lower = 0.5 if rate(SCHEDULE, state, step) < 0.1 else 1.0
        level = 2.3 - lower * ((step - state.begin) / 100) ** 0.3
        state = advance(SCHEDULE, Settings(), state, Losses(step=step, train=level, first=2.3))
        if state.race.is_over:
            break
    assert state.race.n_legs == 3
    # Eight intervals of five steps won; the four of each leg that lost are no time.
    assert (state.step, state.begin) == (80, 40)
    assert state.n_intervals == len(state.levels) == 4


def test_the_feedback_switch_leaves_the_open_loop_schedule():
    _, log = drive([2.3 - 0.005 * i for i in range(140)], options=Settings(feedback=False))
    assert [r for _, r, _ in log] == [SCHEDULE.rate(s) for s, _, _ in log]


def test_a_validation_plateau_finishes_the_run_and_a_descent_does_not():
    falls = [1.0 / (1 + i) for i in range(60)]
    levels = [learns(i) for i in range(60)]
    assert drive(levels, [0.5] * 60, schedule=OPEN)[0].finished
    assert not drive(levels, falls, schedule=OPEN)[0].finished
    assert not drive(levels[:30], [0.5] * 30)[0].finished, "an anneal is still to come"
    assert drive(levels, [0.5] * 60)[0].finished


def test_a_steady_descent_after_a_spike_is_no_plateau():
    vals = [0.3] * 10 + [5.0 - 0.05 * i for i in range(50)]
    assert not drive([learns(i) for i in range(60)], vals, schedule=OPEN)[0].finished


def test_the_full_length_finishes_the_run_and_the_anneal_is_noted():
    state, log = drive([learns(i) for i in range(200)], options=Settings(feedback=False))
    assert signals(log) == ["anneal", "finished"]
    assert state.finished


LEVELS = st.lists(st.floats(0.01, 10), min_size=1, max_size=160)


@given(levels=LEVELS, gain=st.floats(0.01, 1))
@settings(max_examples=60)
def test_the_rate_never_leaves_the_bracket_before_the_anneal(levels, gain):
    options = Settings(significance=0.3, patience=1, cooldown=0, threshold=0.01, max_moves=99)
    schedule = replace(SCHEDULE, low=0.1 * gain)
    floor = schedule.low * schedule.law(2000)
    _, log = drive(levels, schedule=schedule, options=options)
    assert all(floor <= r <= 1.0 for step, r, _ in log if step <= schedule.anneal_start)


@given(
    levels=st.lists(st.integers(1, 1000), min_size=1, max_size=120),
    scale=st.sampled_from([2.0**-9, 0.5, 4.0, 1024.0]),
    shift=st.integers(-(2**20), 2**20),
)
@settings(max_examples=60)
def test_losses_times_a_number_or_plus_a_number_give_the_same_moves(levels, scale, shift):
    """Numbers that floats hold exactly, so that the law holds bit for bit."""
    options = Settings(significance=0.3, patience=1, cooldown=0, threshold=0.1)
    plain = drive([float(x) for x in levels], options=options)[1]
    assert drive([scale * (x + shift) for x in levels], options=options)[1] == plain


@given(levels=LEVELS, data=st.data())
@settings(max_examples=30)
def test_advance_is_a_function_of_its_arguments(levels, data):
    cut = data.draw(st.integers(0, len(levels)))
    half, _ = drive(levels[:cut])
    for i, level in enumerate(levels[cut:], cut):
        losses = Losses(step=10 * (i + 1), train=level, first=level)
        half = advance(SCHEDULE, Settings(), half, losses)
    assert half == drive(levels)[0]
