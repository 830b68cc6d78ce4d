"""
Lithops' trampolines: functions of ``multiprocessing`` and ``concurrent.futures`` that call the user's function.

Their jobs have the user's function as data. That function is measured, so that the record has its name.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

POOL = "lithops.multiprocessing.process"
FUTURES = "lithops.concurrent.futures"
JOBLIB = "lithops.util.joblib.lithops_backend"
"""Its trampoline is what it has a pool call: the user's function is one step further in."""


def unfold(arguments: dict[str, Any], ready: Callable[[Any], Any]) -> bool:
    """
    Replace the user's function in a trampoline's data; return False if the job has no trampoline.
    """
    module = getattr(arguments.get("func") or arguments.get("map_function"), "__module__", None)
    if module == POOL:
        return _unfold_pool(arguments, ready)
    if module == FUTURES:
        return _unfold_futures(arguments, ready)
    return False


def _unfold_pool(arguments: dict[str, Any], ready: Callable[[Any], Any]) -> bool:
    data, extra = arguments.get("data"), arguments.get("extra_args")
    if isinstance(data, dict) and "func" in data:
        arguments["data"] = {**data, "func": ready(data["func"])}
        return True
    if isinstance(extra, tuple) and extra:
        if getattr(extra[0], "__module__", None) == JOBLIB and _unfold_joblib(arguments, ready):
            return True
        arguments["extra_args"] = (ready(extra[0]), *extra[1:])
        return True
    return False


def _unfold_joblib(arguments: dict[str, Any], ready: Callable[[Any], Any]) -> bool:
    calls = arguments.get("map_iterdata")
    if not isinstance(calls, list) or not all(isinstance(call, tuple) and len(call) >= 3 for (call,) in calls):
        return False
    functions = {id(fn): ready(fn) for ((fn, *_),) in calls}
    arguments["map_iterdata"] = [((functions[id(fn)], *rest),) for ((fn, *rest),) in calls]
    return True


def _unfold_futures(arguments: dict[str, Any], ready: Callable[[Any], Any]) -> bool:
    calls = [arguments["data"]] if "data" in arguments else arguments.get("map_iterdata")
    if not isinstance(calls, list) or not all(isinstance(call, tuple) and len(call) == 3 for call in calls):
        return False
    functions = {id(fn): ready(fn) for fn, _, _ in calls}
    unfolded = [(functions[id(fn)], args, kwargs) for fn, args, kwargs in calls]
    if "data" in arguments:
        arguments["data"] = unfolded[0]
    else:
        arguments["map_iterdata"] = unfolded
    return True
