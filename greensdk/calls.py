"""
Wire names: a wrapper that was pickled by value imports these from here, maybe in a worker of another version.

The other wire names are the targets in the tables of :mod:`greensdk.configure.builtin` (``greensdk.sink:JsonlSink``
and so on), which travel in resolved specifications. They all stay importable, whatever moves; ``tests/wire`` holds
what older releases have sent.
"""

from time import perf_counter_ns

began_ns = perf_counter_ns()

from greensdk.measure.bind import bind  # noqa: E402 - in a worker this takes the most of what measuring adds
from greensdk.measure.calls import AsyncStepsCall, Call, StepsCall  # noqa: E402
from greensdk.measure.state import ledger  # noqa: E402

ledger.owed_ns += perf_counter_ns() - began_ns

__all__ = ["AsyncStepsCall", "Call", "StepsCall", "bind"]
