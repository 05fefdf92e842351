"""What optuna-dashboard shows of a study: notes, figures, and keeping them fresh.

In reading order:

- ``chart``: loss curves in characters, since a note may hold no picture
- ``study_note``: the note of the study
- ``trial_note``: the note of a trial
- ``store``: writes each note and each figure in one go, so that no reader finds half of one
- ``watcher``: publishes again while trials run
"""
