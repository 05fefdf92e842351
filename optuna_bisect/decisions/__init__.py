"""What happens next in a study, computed from its history: nothing here waits or writes.

In reading order:

- ``winner``: where the search stands, and its winner
- ``rate_name``: which parameter is the rate in this study
- ``final_plan``: the rate and the limits that the final trial is given
- ``roles``: whether a new trial is a probe, the final trial or surplus
- ``next_rate``: which rate a new probe tries, beside those that run
- ``running_verdict``: what is said of a probe while it runs
"""
