"""What the storage of an Optuna study says."""
