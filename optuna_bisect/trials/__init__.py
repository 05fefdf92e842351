"""What stands on a single trial of a study.

In reading order:

- ``attributes``: what is written on a trial
- ``attribute_keys``: the keys that it is written under, in the order that tables show
- ``attribute_types``: what each of these may be
- ``ignored``: those that this package cannot have written, each named once
- ``parameter``: which of its parameters looks like a learning rate, and its range
- ``view``: its rate, its other parameters and its learning curve, as the search sees them
- ``values``: those of its other parameters, of which not every storage returns the very same
- ``liveness``: which worker runs it, and whether that one still lives
- ``internals``: everything of Optuna that is not public
"""
