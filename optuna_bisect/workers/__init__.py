"""Acting on a study that other workers share: what waits and writes.

Optuna's storages have no compare-and-set, so every claim is written, and then looked at again.

In reading order:

- ``role_claim``: a new trial takes its role; exactly one final trial completes
- ``configuration``: a probe takes its other parameters, the same as all of its search
- ``rate_claim``: a probe takes its rate; no two probes run the same one
- ``suggestion``: the value that an objective's call of ``suggest_*`` gets
- ``waiting``: how long a worker waits that has nothing to ask
- ``trial_end``: what is written on a trial when it ends
- ``heartbeat_guard``: a live trial that a database's heartbeat failed by mistake ends quietly
- ``exit_guard``: a trial that its process leaves at exit is failed
- ``journal_guard``: a full disk leaves no half line in a journal file
"""
