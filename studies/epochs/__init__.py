"""Epochs to a target loss, search included: ours against other ways to find a rate, live.

The files, in reading order:

    compare        the command: 48 cells, a row for each method in ``epochs_to_target.csv``
    tasks          four networks, two sizes of each, two data sets for each
    bench          training runs of a cell: probes, full runs, and what they reach when
    finder_rules   the rules of other learning-rate finders, as pure functions
    searches       searches of a cell that several methods share
    methods        the methods that are compared
    score          targets and scores, from the rows alone
    tables         the tables
    figure         what search and training cost, one bar a method
"""
