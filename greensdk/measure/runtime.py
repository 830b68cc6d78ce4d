"""
What a specification comes to in this process: monitors, clocks, sinks, and what all its records have in common.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from itertools import count
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from greensdk.errors import PluginError, SinkError, describe, has_text, warn_once
from greensdk.machine.signals import is_from_signal
from greensdk.measure.attribution import NO_CLOCK

if TYPE_CHECKING:
    from collections.abc import Sequence

    from greensdk.deliver.sinks import Sink
    from greensdk.machine.resources import ResourceProbe
    from greensdk.measure.cputime import HostClock
    from greensdk.measure.gpu import Waiting, Watching
    from greensdk.measure.polling import Poller
    from greensdk.monitor import CpuClock, Estimator, Monitor
    from greensdk.schema.types import Record, Worker

FILLED_LATER = frozenset({"carbon", "cost"})
"""The keys of a record that are there for enrichers of these names."""


class Runtime:
    """
    Everything that measures the calls of one specification, open. It is built whole, by
    :func:`greensdk.measure.build.build`, and only ever closed: after a fork, or a reset, another one is built.

    Args:
        blank: A record with everything in it that is the same for all calls.
        monitors: Open monitors in the order in which they start, the cheapest last.
        estimators: Open estimators.
        cpu_clock: An open CPU clock, which then takes the place of `host_clock`.
        host_clock: The machine's CPU clock.
        no_clock: Why there is none.
        probe: Takes the full resources.
        poller: Polls those of the meters that wrap around.
        faults: What went wrong while it was built and belongs into each record.
        missing: Name to reason of each monitor that was asked for by name, or whose GPU is here, and can't work; with
            the monitor itself, as far as it could be made.
        ranks: Monitor name to its position in the order of preference.
        boundary: Only a reading with this boundary may stand for a call.
        resources: ``full``, ``light`` or ``none``.
        strict: Re-raise a monitor's error after the call.
        gpu: Waits for work on GPUs, or says that it does not; None where nothing counts a GPU.
        sample_every_s: How often to sample the calls; None for not at all.
        checkpoint_s: How often calls under way leave an interim record; None for never.
        signals: Calls under way leave their records when a signal ends the process.
        idle_w: Watts at rest of each meter; see :mod:`greensdk.machine.calibration`.
        nothing: Why there is no energy when there is no reading at all.
        enrichers: Name and function of each.
        sinks: URI and sink of each.
        worker_now: Returns what of the record's ``worker`` differs from call to call.
        counts: Anything but the clocks of the calling thread is read.

    Attributes:
        deployed: Where we run has something to say of each call.
        spooled: How many records the sinks did not take.
        unfinished: What has to be done before it closes.
        next_id: Returns the next record's id.
    """

    __slots__ = (
        "backwards",
        "blank",
        "boundary",
        "checkpoint_s",
        "counts",
        "cpu_clock",
        "deployed",
        "enrichers",
        "estimators",
        "faults",
        "gpu",
        "host_clock",
        "idle_w",
        "missing",
        "monitors",
        "next_id",
        "no_clock",
        "nothing",
        "poller",
        "probe",
        "ranks",
        "resources",
        "sample_every_s",
        "signals",
        "sinks",
        "spooled",
        "strict",
        "unfinished",
        "worker_now",
    )

    def __init__(
        self,
        *,
        blank: Record,
        monitors: Sequence[Monitor] = (),
        estimators: Sequence[Estimator] = (),
        cpu_clock: CpuClock | None = None,
        host_clock: HostClock | None = None,
        no_clock: str = "",
        probe: ResourceProbe | None = None,
        poller: Poller | None = None,
        faults: Mapping[str, str] = MappingProxyType({}),
        missing: Mapping[str, tuple[str, object]] = MappingProxyType({}),
        ranks: Mapping[str, int] = MappingProxyType({}),
        boundary: str | None = None,
        resources: str = "light",
        strict: bool = False,
        gpu: type[Waiting | Watching] | None = None,
        sample_every_s: float | None = None,
        checkpoint_s: float | None = None,
        signals: bool = False,
        idle_w: Mapping[str, float] = MappingProxyType({}),
        nothing: str | None = None,
        enrichers: Sequence[tuple[str, Callable[..., Any]]] = (),
        sinks: Sequence[tuple[str, Sink]] = (),
        worker_now: Callable[[], Worker] | None = None,
        counts: bool = True,
    ) -> None:
        self.blank = blank
        self.monitors = tuple(monitors)
        self.backwards = self.monitors[::-1]
        self.estimators = tuple(estimators)
        self.cpu_clock = cpu_clock
        self.host_clock = host_clock
        self.no_clock = f"{NO_CLOCK}: {no_clock}" if no_clock else NO_CLOCK
        self.probe = probe
        self.poller = poller
        self.faults = faults
        self.missing = missing
        self.ranks = ranks
        self.boundary = boundary
        self.resources = resources
        self.strict = strict
        self.gpu = gpu
        self.sample_every_s = sample_every_s
        self.checkpoint_s = checkpoint_s
        self.signals = signals
        self.idle_w = idle_w
        self.nothing = nothing
        self.enrichers = tuple(enrichers)
        self.sinks = tuple(sinks)
        self.worker_now = worker_now
        self.counts = counts
        self.deployed = bool(faults) or worker_now is not None
        self.spooled = 0
        self.unfinished: list[Callable[[], None]] = []
        self.next_id = record_ids()

    def enrich(self, record: Record) -> None:
        """
        Let the enrichers add their fields.
        """
        added: Any = record
        for name, enrich in self.enrichers:
            try:
                fields = dict(enrich(record=MappingProxyType(record)) or {})
                if name in record and name not in FILLED_LATER:
                    raise PluginError(name, "its fields have no place: a record has a key of this name already")
                added[name] = fields
            except BaseException as error:
                if is_from_signal(error):
                    raise
                text = f"enrich: {describe(error)}"
                record["errors"][name] = "; ".join(filter(None, (record["errors"].get(name), text)))

    def keep(self, record: Record, uri: str, error: BaseException) -> None:
        """
        Put a record that a sink did not take into the spool, and say so once.
        """
        self.spooled += 1
        try:
            from greensdk.deliver import spool

            spool.keep(record, uri, error if has_text(error) else SinkError(describe(error)))
        except BaseException as problem:  # no descriptor is left
            if is_from_signal(problem):
                raise
            warn_once(f"greensdk lost records for {uri}: {describe(error)}; nor could the spool: {describe(problem)}")

    def close(self) -> None:
        """
        Finish the open records, and close the sinks; the monitors stay open for other runtimes of the process.
        """
        for finish in self.unfinished[:]:
            finish()
        if self.poller is not None:
            self.poller.close()
        sinks, self.sinks = self.sinks, ()
        for uri, sink in sinks:
            try:
                sink.close()
            except BaseException as error:
                if is_from_signal(error):
                    raise
                self.spooled += 1
                warn_once(f"greensdk could not close {uri}: {describe(error)}", uri)


def record_ids() -> Callable[[], str]:
    """
    Return a maker of record ids: 20 random hex digits of this process, then a counter of 12.
    """
    base, numbers = os.urandom(10).hex(), count()
    return lambda: base + "%012x" % next(numbers)  # noqa: UP031 - half as long as an f-string
