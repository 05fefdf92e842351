"""How right verdicts are: held against what the recorded runs (``studies.sweeps``) know.

The files, in reading order:

    compare              the command: replays searches and looks the truth up
    tables               counts, calibration error and Brier score by rule
    reliability_figure   stated confidence over the share that is right
"""
