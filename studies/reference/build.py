"""Writes the reference of all public names as pages; ``make api`` writes them into build/api.

The modules are those that a user imports. What a class only overrides for its host, as the hooks
of Optuna's samplers and of Keras's callbacks, is left out.
"""

from __future__ import annotations

import os
import sys
import warnings
from pathlib import Path
from typing import TYPE_CHECKING

import pdoc

if TYPE_CHECKING:
    from collections.abc import Sequence

PACKAGE = "optuna_bisect"
MODULES = [
    PACKAGE,
    f"{PACKAGE}.adjuster",
    f"{PACKAGE}.feedback.settings",  # options of BisectionLR
    f"{PACKAGE}.visualization",
    f"{PACKAGE}.dashboard",
    f"{PACKAGE}.terminal",
    f"{PACKAGE}.curvature",
    f"{PACKAGE}.integrations",  # with all that it holds
    f"!{PACKAGE}.integrations.trial_reports",
    f"!{PACKAGE}.integrations.group_trial",
]
HERE = Path(__file__).parent
# What a training loop calls on a scheduler of torch, though it is defined there first.
CALLED = ("step", "state_dict", "load_state_dict")


def is_hook(member: pdoc.doc.Doc) -> bool:
    """Say whether a method is there for a class of another package that defines it."""
    if member.kind != "function" or member.name in CALLED:
        return False
    owner = getattr(sys.modules[member.modulename], member.qualname.split(".")[0])
    bases = getattr(owner, "__mro__", ())
    return any(member.name in vars(b) for b in bases if not b.__module__.startswith(PACKAGE))


def build(folder: Path, modules: Sequence[str] = MODULES) -> None:
    """Write a page for each module, and an index to search.

    Raises:
        RuntimeError: A module cannot be imported, or a page would not be what its docstrings say:
            every warning of pdoc is an error here.
    """
    pdoc.render.configure(docformat="google", show_source=False, template_directory=HERE)
    pdoc.render.env.globals["is_hook"] = is_hook
    # Keras asks which package computes, and packages may ask the system what it is.
    os.environ.update(KERAS_BACKEND="torch", PDOC_ALLOW_EXEC="1")
    with warnings.catch_warnings():
        warnings.filterwarnings("error", module="pdoc")
        pdoc.pdoc(*modules, output_directory=folder)


if __name__ == "__main__":
    target = Path(sys.argv[1]) if sys.argv[1:] else HERE.parents[1] / "build" / "api"
    build(target)
    print(target / "index.html")
