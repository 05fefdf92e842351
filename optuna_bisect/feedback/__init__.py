"""Losses in, a learning rate out: the adjustment of a full run, without torch and without Optuna.

How a loss becomes a rate: training losses are averaged over an interval of steps. ``advance`` adds
the mean to the state, and detectors test the last means for a symptom of a wrong rate. What they
find moves the gain, and the next rate is the schedule's times the gain. A run whose first weights
can be put back begins with a race instead, which compares a few rates from these weights.

In reading order:

- ``schedule``: the rate as a function of the step, before any loss is looked at.
- ``settings``: how losses are read.
- ``trend_tests``: what a series of losses says: it rises, falls, swings, or is straight.
- ``legs``: which of two rates is better from the first weights on.
- ``race``: which of a few rates is best at the beginning of a run.
- ``state``: what one interval showed, and what is remembered between two.
- ``detectors``: collapse, stall, overshoot, undershoot, or none.
- ``gain``: how far each of these moves the rate, and when too many moves end the feedback.
- ``engine``: one interval after the other; imports all of the above.
"""
