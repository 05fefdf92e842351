"""What all trials of a study say together.

In reading order:

- ``settings``: what the user of the sampler chose
- ``configuration``: the values of all other parameters, which one search holds still
- ``trial_kinds``: what a finished trial counts as: a probe, a final trial, or nothing
- ``finished``: what the finished trials say
- ``history``: what the whole study says at one moment; everything is decided from that
- ``reading``: how that is read from storage
- ``report_steps``: how the steps of reports are counted, and a warning where units differ
- ``trial_plan``: what an objective may know of its trial
"""
