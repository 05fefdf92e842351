"""Runnable studies; ``digits.py`` is the one to start with (``make study``).

At the top is what a user opens first: ``digits.py``, with ``digits_task``, ``digits_options``,
``digits_report`` and ``digits_figure`` beside it; ``examples/`` has what a user copies. Each
benchmark has a folder, and runs from the repository root as ``python -m studies.FOLDER.FILE``:

    sweeps        records training at many rates, for searches to be replayed on
    recorded      replays searches on those records: cost and regret
    judgements    how right the verdicts of replayed searches are
    epochs        epochs to a target loss, live, against other finders
    rivals        cost and accuracy on digits, live, against other searches
    phase2        the final trial's scheduler against nine others, from right and wrong rates
    scaling       several workers, and what deciding costs
    shared        what several benchmarks use: data, networks, searches, rows of results
"""
