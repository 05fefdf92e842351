"""What happens next in a study, computed from its history: nothing here waits or writes.

In reading order:

- ``rate_name``: which parameter is the rate in this study
- ``outcome``: where one search stands, and its winner
- ``searches``: the searches of a study, one for each configuration, and the one that leads
- ``next_rate``: which rate a new probe tries, after earlier searches and beside those that run
- ``configurations``: which search a trial joins, and which one is dropped
- ``winner``: the winner of the whole study
- ``final_plan``: the rate and the limits that the final trial is given
- ``roles``: whether a new trial is a probe, the final trial or surplus
- ``running_verdict``: what is said of a probe while it runs
"""
