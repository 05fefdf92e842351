"""The key of each attribute of a trial: the only file that knows them.

Tables of trials show attributes by the alphabet, so that the first letters decide what a person
sees first.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from optuna_bisect.trials.attribute_types import READERS

if TYPE_CHECKING:
    from collections.abc import Mapping

# What nobody but this package reads comes after all else. Studies that were made before have it
# under the first prefix, and keep it there.
_WORKINGS = (
    "asked",
    "claim",
    "cool_down",
    "first_step",
    "group_by",
    "judge",
    "lr",
    "max_probes",
    "n_configurations",
    "n_rungs",
    "param",
    "question",
    "report_direction",
    "stale_after",
)
_OLD_KEY_OF = {name: f"bisect_{name}" for name in READERS}
_KEY_OF = {
    **_OLD_KEY_OF,
    **{name: f"bisect_workings_{name}" for name in _WORKINGS},
}
_NAME_OF = {key: name for keys in (_OLD_KEY_OF, _KEY_OF) for name, key in keys.items()}


def key_of(attrs: Mapping[str, Any], name: str) -> str:
    """Return the key that an attribute has on a trial, or would get there."""
    new, old = _KEY_OF[name], _OLD_KEY_OF[name]
    return old if old in attrs and new not in attrs else new


def names_on(attrs: Mapping[str, Any]) -> set[str]:
    """Return the names of all that a trial carries."""
    return {_NAME_OF[key] for key in attrs.keys() & _NAME_OF.keys()}
