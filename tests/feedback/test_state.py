"""What is remembered: it survives packing, and the past of a run never grows too long."""

from __future__ import annotations

from dataclasses import replace

import pytest
from feedback_runs import SCHEDULE, drive, learns

from optuna_bisect.feedback.engine import begin_race
from optuna_bisect.feedback.state import Past, pack, unpack


def test_a_state_without_its_events_survives_packing():
    states = (drive([learns(i) for i in range(200)])[0], begin_race(SCHEDULE, 8, 1))
    assert all(unpack(pack(state)) == replace(state, events=()) for state in states)


def test_a_long_past_is_kept_in_fewer_and_longer_parts():
    past = Past()
    for i in range(1001):
        past = past.add(float(i))
    assert past.span == 8
    assert past.parts == pytest.approx([8 * k + 3.5 for k in range(125)])
    assert past.rest == (1000.0,)


def test_after_a_cut_the_part_that_it_fell_into_is_gone():
    past = replace(Past(), span=2).add(1.0).add(3.0).add(9.0).cut_here().add(5.0).add(7.0)
    assert (past.parts, past.cut) == ((2.0, 6.0), 1)
