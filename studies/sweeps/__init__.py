"""Records training at many learning rates, for searches to be replayed on (``studies.recorded``).

The files, in reading order:

    record        the command: all rates of all tasks, constant and with a cosine
    tasks         problems (data and network) and the optimizers that train them
    fleet         copies of one network that train side by side, each at its own rate
    optimizers    torch's optimizers for many models at once
    archive       the files of recorded runs, in ``data/``
    best_rates    the table of best rates, and how they fall with the length of a run
"""
