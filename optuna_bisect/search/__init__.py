"""Which learning rate the next probe should try: pure, and without Optuna.

In reading order:

- ``grid``: the rates that may be tried, evenly spaced in log space
- ``probe``: one short run as the search sees it
- ``evidence``: what all probes say together: incumbent, bracket, collapses
- ``assessment``: from probes to evidence, in any order with the same result
- ``proposal``: from evidence to the next rate; none where the search has converged
- ``running``: what probes that still run tell each other
- ``parabola``: the last refinement of the winner's rate
- ``effect``: whether the rate makes a difference at all
- ``horizon``: its correction for a longer run
"""
