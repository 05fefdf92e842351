"""Lowest validation loss of the whole product against tuned schedules, on full runs."""
