"""The adjustment of a full run on the side of torch: what ``BisectionLR`` is made of.

How a loss becomes a rate: ``loss_meter`` sums the losses of an interval on their device, the
engine in ``feedback`` decides on their mean, ``snapshot`` puts earlier weights back where it says
so, and ``param_groups`` writes the new rate.

In reading order:

- ``options``: the options of ``BisectionLR``, and how the plan of a trial becomes them.
- ``param_groups``: the rates of an optimizer's groups.
- ``loss_meter``: the mean of an interval's losses.
- ``distributed``: one decision for all processes that train one model.
- ``snapshot``: the last good weights.
- ``move_log``: the history of moves, and a copy of it on the trial.
- ``warmup_check``: a warning where a warm-up outlasts the probes.
- ``divergence``: the exception of a run that cannot go on.
- ``adjustment``: one run as a whole; imports most of the above.
"""
