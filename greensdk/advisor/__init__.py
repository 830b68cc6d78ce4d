"""
Recommends a number of workers and a memory size, from the records of earlier runs, with intervals.

.. code-block:: text

    records -> Profile -> fit -> Model -> predict -> recommend -> Advice

numpy and scipy are imported with the first name that is used: ``pip install "greensdk[advisor]"``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from greensdk.advisor.advice import Advice, advise
    from greensdk.advisor.model import CannotAdvise, Model, fit
    from greensdk.advisor.plan import Plan, recommend
    from greensdk.advisor.prediction import Prediction, predict
    from greensdk.advisor.profile import Point, Price, Profile, profiles

__all__ = [
    "Advice",
    "CannotAdvise",
    "Model",
    "Plan",
    "Point",
    "Prediction",
    "Price",
    "Profile",
    "advise",
    "fit",
    "predict",
    "profiles",
    "recommend",
]

_MODULES = {
    "greensdk.advisor.advice": ("Advice", "advise"),
    "greensdk.advisor.model": ("CannotAdvise", "Model", "fit"),
    "greensdk.advisor.plan": ("Plan", "recommend"),
    "greensdk.advisor.prediction": ("Prediction", "predict"),
    "greensdk.advisor.profile": ("Point", "Price", "Profile", "profiles"),
}


def __getattr__(name: str) -> Any:
    from importlib import import_module

    for module, names in _MODULES.items():
        if name in names:
            return getattr(import_module(module), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
