"""
What a job's workers do first, as the client sends it: :mod:`greensdk_lithops.first`, and a bundle for a bare runtime.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from functools import cached_property
from importlib.util import MAGIC_NUMBER
from typing import Any

from cloudpickle import register_pickle_by_value

from greensdk.errors import describe, warn_once
from greensdk_lithops import first
from greensdk_lithops.bundle import bundle

PREFIX = "greensdk/code"
"""Where bundles are in Lithops' storage, by their digest; they stay there for further jobs."""

register_pickle_by_value(first)


class Beginning:
    """
    Pickles as a call of :func:`greensdk_lithops.first.begin`.

    Args:
        executor: The executor of the job.
        modules: Modules of greensdk that the job's specification names.
        memory_mb: The memory of the job's runtime; None for the configured one.

    Attributes:
        sends: Whether modules may be sent.
    """

    def __init__(self, executor: Any, modules: Collection[str], memory_mb: int | None) -> None:
        self.executor = executor
        self.modules = modules
        self.memory_mb = memory_mb
        self.sends = False

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[Any, ...]]:
        return first.begin, (self.key, MAGIC_NUMBER)

    @cached_property
    def key(self) -> str | None:
        """
        The key of the bundle in storage; None if the runtime has greensdk, or nothing may be sent.

        Lithops pickles a function after it has chosen the runtime, whose modules are known by then.
        """
        try:
            return self._stored() if self.sends and not self._is_installed() else None
        except Exception as error:
            warn_once(f"greensdk can't be sent to workers that lack it, whose calls run unmeasured: {describe(error)}")
            return None

    def _is_installed(self) -> bool:
        # Asked for once, for Lithops logs a line each time.
        known: dict[int | None, bool] = vars(self.executor).setdefault("_has_greensdk", {})
        if self.memory_mb not in known:
            runtime = self.executor.invoker.select_runtime("greensdk", self.memory_mb)
            known[self.memory_mb] = any(name == "greensdk_lithops" for name, _ in runtime["preinstalls"])
        return known[self.memory_mb]

    def _stored(self) -> str:
        found = bundle(frozenset(self.modules))
        key, storage = f"{PREFIX}/{found.digest}", self.executor.internal_storage.storage
        try:
            storage.head_object(storage.bucket, key)
        except Exception:  # each storage has its own error for an object that isn't there
            storage.put_object(storage.bucket, key, found.packed)
        return key
