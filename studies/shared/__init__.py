"""What several benchmarks use.

The files:

    data             small data sets, and the loss that fits their targets
    networks         small networks for them
    probe_searches   searches over short runs: a grid, TPE with the median pruner, ours
    csv_rows         rows of results in a CSV file, to which a run that goes on appends
    figure_file      starts a study that writes a figure, and writes it as a picture or as a page
"""
