"""Phase 2 (``BisectionLR``) against schedules that people use, from right and wrong start rates.

The files, in reading order:

    compare   the command: a row for each run in ``phase2.csv``
    tasks     nine tasks that train in a few seconds on one core: data, network, optimizer
    networks  their networks
    methods   the schedules and optimizers that are compared, and parts of Phase 2
    rows      one row, how it is read and added
    report    the tables
    figure    lowest loss over the start rate, a line a method
"""
