"""What grows with the number of workers, trials and reports.

The files, in reading order:

    workers    the command: several processes on one study, on any storage
    rounds     the command: rounds and speed-up of equally fast workers, on runs without noise
    overhead   the command: what deciding costs, beside Optuna's own samplers and pruners
"""
