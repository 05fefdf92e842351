"""What the loss curve of one short run says about its learning rate."""

from optuna_bisect.verdicts.classifier import Verdict, classify

__all__ = ["Verdict", "classify"]
