"""Ways to find a learning rate, live on the task of ``digits.py``: what each costs and finds.

``compare`` is the command; it keeps a row for each method, optimizer and seed in ``rivals.csv``.
"""
