"""Callbacks for trainers: nobody rewrites a training loop to try the sampler.

Each trainer has its package, which is imported with its file alone, never with this room. All of
them report the training loss by batch, because an epoch is far too long for a probe, and put
``BisectionLR`` in the place of the trainer's own schedule.

In reading order:

- ``trial_reports``: what the callbacks share: when a loss is reported, and who ends the trial.
- ``group_trial``: a trial that several processes train, which a trainer may have launched.
- ``lightning``: the callback for Lightning.
- ``transformers``: the callback for the Trainer of Transformers.
- ``keras``: the callback for Keras 3.
"""
