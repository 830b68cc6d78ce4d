"""
Wire names: a wrapper that was pickled by value imports these from here, maybe in a worker of another version.

The other wire names are the targets in the tables of :mod:`greensdk.configure.builtin` (``greensdk.sink:JsonlSink``
and so on), which travel in resolved specifications. They all stay importable, whatever moves; ``tests/wire`` holds
what older releases have sent.
"""

from greensdk.measure.bind import bind
from greensdk.measure.calls import AsyncStepsCall, Call, StepsCall

__all__ = ["AsyncStepsCall", "Call", "StepsCall", "bind"]
