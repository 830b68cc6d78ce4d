"""
A wire name: wrappers that were pickled by value import these from here; see docs/architecture.md.
"""

from greensdk.measure.calls import AsyncStepsCall, Call, StepsCall, bind

__all__ = ["AsyncStepsCall", "Call", "StepsCall", "bind"]
