"""
Wire names: a wrapper that was pickled by value imports these from here, maybe in a worker of another version.

The other wire names are the targets in the tables of :mod:`greensdk.configure.builtin` (``greensdk.sink:JsonlSink``
and so on), which travel in resolved specifications. They all stay importable, whatever moves; ``tests/wire`` holds
what older releases have sent.
"""

from time import perf_counter_ns

began_ns = perf_counter_ns()

from collections.abc import Callable, Mapping  # noqa: E402
from typing import TYPE_CHECKING, Any  # noqa: E402

from greensdk.configure.targets import MANY_RUNS, is_disabled  # noqa: E402
from greensdk.measure.calls import AsyncStepsCall, Call, StepsCall  # noqa: E402 - in a worker this takes the most
from greensdk.measure.record import Subject, name_of  # noqa: E402
from greensdk.measure.slots import slot_of  # noqa: E402
from greensdk.measure.state import ledger  # noqa: E402

ledger.owed_ns += perf_counter_ns() - began_ns

if TYPE_CHECKING:
    # Lithops reads the imports in sources, also these, and sends what they name: a plain executor has no other sign
    # that a decorated function needs them.
    from greensdk_aws_lambda import LambdaCall  # noqa: F401
    from greensdk_lambda_estimator import LambdaEstimator  # noqa: F401
    from greensdk_lithops.aws_lambda.worker import LithopsInLambda  # noqa: F401
    from greensdk_psutil_tdp import PsutilTdpEstimator  # noqa: F401

__all__ = ["AsyncStepsCall", "Call", "StepsCall", "bind"]


def bind(kind: type[Call], fn: Callable[..., Any], spec: Mapping[str, Any]) -> Callable[..., Any]:
    """
    Return what the wrapper of `fn` calls from now on: `fn` itself when measuring is switched off.
    """
    if is_disabled():
        return fn
    began_ns = perf_counter_ns()
    if kind is Call and not MANY_RUNS.isdisjoint(spec):
        from greensdk.measure.repeats import kind_of

        kind = kind_of(spec)
    slot = slot_of(spec)
    call = kind(fn, slot, Subject(name_of(fn), None if "label" in slot.spec else spec.get("label")))
    ledger.owed_ns += perf_counter_ns() - began_ns
    return call
