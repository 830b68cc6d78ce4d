"""
The runtimes of this process, one for each specification: built when first needed, and built anew in a forked
child, where descriptors and client objects of the parent must not be used.
"""

from __future__ import annotations

import atexit
import os
from collections.abc import Mapping
from contextlib import suppress
from time import perf_counter_ns
from typing import TYPE_CHECKING, Any

from greensdk.configure.targets import SPEC_VARIABLE, load
from greensdk.errors import ConfigError, describe
from greensdk.machine.signals import is_from_signal
from greensdk.measure.build import build
from greensdk.measure.state import ledger, shared

if TYPE_CHECKING:
    from greensdk.measure.build import Offering
    from greensdk.measure.runtime import Runtime


NOT_CHEAP = "not cheap, and not asked for by name"


class Sources:
    """
    The monitors, estimators and CPU clocks of this process: one instance for each class and configuration.
    """

    def __init__(self) -> None:
        self._made: dict[str, tuple[Any, str]] = {}

    def get(self, target: str, config: Mapping[str, Any], cheap_only: bool = False) -> tuple[Any, str]:
        """
        Return the one instance, opened, and why it can't work ("" if it can).

        Args:
            target: ``module:attribute`` of its class.
            config: Keyword arguments for it.
            cheap_only: Don't open what does not call itself cheap.

        Raises:
            ConfigError: A keyword argument is wrong.
        """
        key = f"{target} {sorted(config.items())!r}"
        made = self._made.get(key)
        if made is None:
            made = _open(target, config, cheap_only)
            if made[1] != NOT_CHEAP:  # another runtime may yet ask for it
                self._made[key] = made
        return made

    def close(self) -> None:
        """
        Close and forget all.
        """
        made, self._made = self._made, {}
        for source, problem in made.values():
            if source is not None and not problem:
                with suppress(Exception):  # it is being thrown away
                    source.close()


def _open(target: str, config: Mapping[str, Any], cheap_only: bool) -> tuple[Any, str]:
    source = None
    try:
        source = load(target)(**config)
        if cheap_only and not source.cheap:
            return source, NOT_CHEAP
        availability = source.probe()
        if not availability.ok:
            return source, "; ".join(filter(None, (availability.reason, availability.fix))) or "can't measure here"
        source.open()
    except ConfigError:
        raise  # the user's mistake, not the machine's lack
    except BaseException as error:
        if is_from_signal(error):
            with suppress(Exception):
                source.close()  # type: ignore[union-attr]
            raise
        return source, describe(error)
    return source, ""


class Slot:
    """
    Holds the runtime of one specification.

    Args:
        spec: A plain dict: the arguments of a decoration, or a specification that a client has resolved.
        sources: Where its monitors come from.

    Attributes:
        runtime: None before the first call, after a fork and after a reset.
    """

    __slots__ = ("_sources", "runtime", "spec")

    def __init__(self, spec: Mapping[str, Any], sources: Offering) -> None:
        self.spec = spec
        self._sources = sources
        self.runtime: Runtime | None = None

    def open(self) -> Runtime:
        """
        Build the runtime. What fails is noted and left out.

        Raises:
            ConfigError: The configuration is wrong; raised before the first call, never during one.
        """
        began_ns = perf_counter_ns()
        self.runtime = runtime = build(self.spec, self._sources)
        ledger.owed_ns += perf_counter_ns() - began_ns
        return runtime

    def close(self) -> None:
        """
        Close the runtime and forget it.
        """
        runtime, self.runtime = self.runtime, None
        if runtime is not None:
            runtime.close()


class Process:
    """
    All slots of this process, and its monitors.
    """

    def __init__(self) -> None:
        self.sources = Sources()
        self._slots: dict[str, Slot] = {}

    def slot_for(self, spec: Mapping[str, Any]) -> Slot:
        """
        Return the slot for `spec`; equal specifications share one.
        """
        key = repr(sorted(spec.items(), key=lambda item: item[0]))
        slot = self._slots.get(key)
        if slot is None:
            slot = self._slots.setdefault(key, Slot(spec, self.sources))
        return slot

    def end(self) -> None:
        """
        End the blocks that were never ended, and close all runtimes; at exit.
        """
        for window in [*shared.unended][::-1]:
            window.lose()
        self.close()

    def close(self) -> None:
        """
        Close all runtimes.
        """
        for slot in list(self._slots.values()):
            slot.close()

    def reset(self) -> None:
        """
        Close everything and forget it.
        """
        self.close()
        self.sources.close()
        shared.sampler = None

    def forked(self) -> None:
        """
        Leave nothing of the parent in use: descriptors are closed and reopened, ids renewed, sinks dropped.
        """
        for slot in self._slots.values():
            slot.runtime = None  # dropped, not closed: closing could flush the parent's buffers a second time
        self.sources.close()
        shared.forked()


process = Process()
slot_for = process.slot_for


def slot_of(spec: Mapping[str, Any]) -> Slot:
    """
    Return the slot of a decoration: functions that differ in their labels alone share one.

    Not so where a client has resolved the specification, label and all.
    """
    if "label" not in spec or "sources" in spec or SPEC_VARIABLE in os.environ:
        return slot_for(spec)
    return slot_for({key: value for key, value in spec.items() if key != "label"})


shared.close = process.close


def reset() -> None:
    """
    Close everything and forget it; the next call builds anew from the configuration as it is then.
    """
    process.reset()


atexit.register(process.end)
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=process.forked)
