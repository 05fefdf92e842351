"""What the storage of an Optuna study says.

In reading order:

- ``attributes``: what is written on a trial, and the keys that it is written under
- ``attribute_types``: what each of these may be
- ``settings``: what the user of the sampler chose
- ``configuration``: the values of all other parameters, which one search holds still
- ``finished``: what the finished trials say
- ``history``: what the whole study says at one moment; everything is decided from that
- ``reading``: how that is read from storage
- ``liveness``: which worker runs a trial, and whether it still lives
- ``internals``: everything of Optuna that is not public
"""
