"""Several hyperparameters: what a budget of updates buys, by sampler and pruner.

The files:

    tasks      four small tasks, and the space of six parameters
    training   one run, with a cosine or at a constant rate
    methods    how a study spends its budget, and which configuration it recommends
    compare    the command line; one CSV row for each budget
    report     the table and the figure
"""
