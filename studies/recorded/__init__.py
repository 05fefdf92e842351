"""Replays searches on recorded sweeps (``studies.sweeps``): what each costs, what its pick loses.

The files, in reading order:

    bench           a recorded task as a bench: reports to pay for, regret of a rate
    rivals          what others do: a grid, a grid with our cut, Optuna's samplers and pruners
    searches        the searches that are compared: ours and the rivals
    replay          the command: cost and regret of every search
    replay_figure   cost over regret, one line a method
    sensitivity     the command: one constant of our search changed at a time
    warm_start      the command: searches that begin where an earlier one ended
"""
