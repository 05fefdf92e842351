"""What the loss curve of one short run says about its learning rate: pure, and without Optuna.

In reading order:

- ``curve``: reports of a run, and their noise
- ``shape``: what one curve shows by itself: flat, above, straight
- ``comparison``: two curves beside each other: behind, tied
- ``verdict``: overshoot, undershoot or balanced, with confidence and reason
- ``classifier``: from curve to verdict
- ``confidence``: how sure each kind of verdict is
- ``reasons``: its sentence
"""

from optuna_bisect.verdicts.classifier import classify
from optuna_bisect.verdicts.verdict import Verdict

__all__ = ["Verdict", "classify"]
