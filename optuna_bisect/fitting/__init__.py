"""Under-fitting, over-fitting or a good fit: what training and validation loss say together.

In reading order:

- ``fit``: the judgement of two curves, pure
- ``loss_log``: both losses of a run, as few numbers as its curves need, pure
- ``records``: where a trial keeps them in storage, out of sight of tables
- ``diagnosis``: ``diagnose``, the judgements of a study
"""
