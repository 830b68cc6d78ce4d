"""
The monitors and sinks of this process, bound to one specification.

A :class:`Runtime` is built on the first measured call from a plain dict (the arguments of the
decorator, or a specification that a client has resolved for its workers) and built anew in a forked
child, where descriptors and client objects of the parent must not be used.
"""

from __future__ import annotations

import gc
import os
from collections import deque
from collections.abc import Callable, Mapping
from itertools import count
from math import inf
from time import perf_counter_ns
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, ClassVar

from greensdk.errors import ConfigError, PluginError
from greensdk.machine.calibration import Calibration
from greensdk.measure.attribution import NOTHING
from greensdk.measure.cputime import HostClock, ledger
from greensdk.measure.window import current
from greensdk.monitor import CpuClock, Estimator, Monitor

if TYPE_CHECKING:
    from greensdk.deliver.sinks import Sink
    from greensdk.machine.identity import Identity
    from greensdk.measure.ticker import Ticker
    from greensdk.sample.sampler import Sampler

FAILURES_KEPT = 20

EAGER_S = 60.0
"""A meter that has to be polled this often, in seconds, gets its thread at once; see :mod:`greensdk.measure.ticker`."""

captures: list[list[dict[str, Any]]] = []
"""The lists of all open ``capture()`` blocks."""

closing: list[Callable[[], None]] = []
"""What has to be done before any runtime closes."""

NOT_CHEAP = "not cheap, and not asked for by name"

FILLED_LATER = frozenset({"carbon", "cost"})
"""The keys of a record that are there for enrichers of these names."""

_runtimes: dict[str, Runtime] = {}
_sources: dict[str, tuple[Any, str]] = {}


class Runtime:
    """
    What one specification comes to in this process.

    Args:
        spec: Plain dict; see :mod:`greensdk.configure.config` for the keys.

    Attributes:
        ready: Built, and in this very process.
        opened: How often it has been built.
        monitors: Open monitors in the order in which they start, the cheapest last.
        estimators: Open estimators.
        cpu_clock: An open CPU clock, which then takes the place of `host_clock`.
        failures: What went wrong beside the calls, the newest few: a full disk fails a million times.
        spooled: How many records the sinks did not take.
        worker_now: What of `worker` differs from call to call, if the adapter has any of it.
        missing: Name to reason of each monitor that was asked for by name and can't work here.
        calibration: Watts at rest, by meter.
        config_digest: Of the settings in force; see :func:`greensdk.configure.config.digest`.
        plugins: Version of each plugin at work.
        counts: Anything but the clocks of the calling thread is read.
        sample_every_s: How often to sample its calls; None for not at all.
        checkpoint_s: How often calls under way leave an interim record; None for never.
        signals: Calls under way leave their records when a signal ends the process.
        sampler: The process's, once any runtime has asked for samples.
        tickers: The threads of all runtimes that poll meters right now.
        nothing: What stands in a record's energy fields when there is no reading at all.
    """

    sampler: ClassVar[Sampler | None] = None
    tickers: ClassVar[list[Ticker]] = []

    def __init__(self, spec: Mapping[str, Any]) -> None:
        self.spec = spec
        self.ready = False
        self.opened = 0
        self.monitors: tuple[Monitor, ...] = ()
        self.backwards: tuple[Monitor, ...] = ()
        self.estimators: tuple[Estimator, ...] = ()
        self.cpu_clock: CpuClock | None = None
        self.sinks: tuple[tuple[str, Sink], ...] = ()
        self.enrichers: tuple[tuple[str, Callable[..., Any]], ...] = ()
        self.ranks: dict[str, int] = {}
        self.missing: dict[str, str] = {}
        self.nothing = NOTHING
        self.failures: deque[str] = deque(maxlen=FAILURES_KEPT)
        self.spooled = 0
        self.host: dict[str, Any] = {}
        self.process: Identity | None = None
        self.worker: dict[str, Any] | None = None
        self.worker_now: Callable[[], dict[str, Any]] | None = None
        self.config_digest: str | None = None
        self.plugins: dict[str, str | None] = {}
        self.counts = True
        self.host_clock: HostClock | None = None
        self.probe: Any = None
        self.poll_every_s = inf
        self.poll_due_ns: float = inf
        self.ticker: Ticker | None = None
        self.resources = "light"
        self.label: str | None = None
        self.tags: dict[str, Any] = {}
        self.boundary: str | None = None
        self.strict = False
        self.calibration = Calibration({})
        self.sample_every_s: float | None = None
        self.checkpoint_s: float | None = None
        self.signals = False
        self.next_id: Callable[[], str] = _ids()

    def open(self) -> Runtime:
        """
        Build everything from the specification. What fails is noted and left out.

        Raises:
            ConfigError: The configuration is wrong; raised before the first call, never during one.
        """
        from greensdk.measure.build import build

        build(self)
        self.opened += 1
        self.ready = True
        return self

    def enrich(self, record: dict[str, Any]) -> None:
        """
        Let the enrichers add their fields.
        """
        for name, enrich in self.enrichers:
            try:
                fields = dict(enrich(record=MappingProxyType(record)) or {})
                if name in record and name not in FILLED_LATER:
                    raise PluginError(name, "its fields have no place: a record has a key of this name already")
                record[name] = fields
            except BaseException as error:
                text = f"enrich: {type(error).__name__}: {error}"
                record["errors"][name] = "; ".join(filter(None, (record["errors"].get(name), text)))

    def emit(self, record: dict[str, Any]) -> None:
        """
        Let the enrichers add their fields, then hand the record to every capture and sink.
        """
        self.enrich(record)
        for records in captures:
            records.append(record)
        for uri, sink in self.sinks:
            try:
                sink.emit(record)
            except Exception as error:
                self.keep(record, uri, error)
            except BaseException as error:
                self.keep(record, uri, error)
                raise

    def keep(self, record: Mapping[str, Any], uri: str, error: BaseException) -> None:
        """
        Put a record that a sink did not take into the spool, and say so once.
        """
        from greensdk.deliver import spool

        self.failures.append(f"{uri}: {error}")
        self.spooled += 1
        spool.keep(record, uri, error)

    def note_failure(self, problem: Exception) -> None:
        """
        Remember that greensdk itself failed in a call (which went on unmeasured), and say so once.
        """
        from greensdk.deliver import spool

        text = f"{type(problem).__name__}: {problem}"
        self.failures.append(text)
        spool.warn_once(f"greensdk could not measure a call: {text}")

    def watch(self, now_ns: int) -> None:
        """
        Poll, or have polled, the meters that wrap around; called when a window opens and a poll is due.
        """
        if not self.is_eager():
            # First, so that threads which come here together don't all poll.
            self.poll_due_ns = now_ns + self.poll_every_s * 1e9
            self.poll()
        elif self.ticker is None:
            from greensdk.measure.ticker import Ticker

            self.ticker = Ticker(self, self.poll_every_s)
            self.tickers.append(self.ticker)
            self.ticker.start()

    def is_eager(self) -> bool:
        """
        Say whether a thread polls, because the meters wrap soon or because a millisecond is nothing here.
        """
        return self.poll_every_s <= EAGER_S or self.resources == "full"

    def collected(self, phase: str, _: Mapping[str, int]) -> None:
        """
        Poll when it is due; Python calls this at each garbage collection, which a busy function has many of.
        """
        now_ns = perf_counter_ns()
        if phase == "stop" and self.ready and ledger.open and now_ns > self.poll_due_ns:
            self.poll_due_ns = now_ns + self.poll_every_s * 1e9
            self.poll()

    def rest(self) -> None:
        """
        Let the tickers die with the last window of the process.
        """
        if ledger.open == 0:
            dying, self.tickers[:] = self.tickers[:], []
            for ticker in dying:
                ticker.stop()

    def poll(self) -> None:
        """
        Let every monitor note its meter in the middle of long windows.
        """
        for monitor in self.monitors:
            if monitor.max_window_s is not None:
                try:
                    monitor.poll()
                except Exception as error:
                    self.failures.append(f"{monitor.name}: poll: {error}")

    def close(self) -> None:
        """
        Flush and close the sinks; the monitors stay open for other runtimes of the process.
        """
        for finish in closing:
            finish()
        for uri, sink in self.sinks:
            try:
                sink.close()
            except Exception as error:
                self.failures.append(f"{uri}: close: {error}")
                self.spooled += 1
        self.sinks = ()
        self.ready = False
        self.listen(False)

    def listen(self, wanted: bool) -> None:
        """
        Begin or cease to be told of garbage collections.
        """
        gc.callbacks[:] = [callback for callback in gc.callbacks if callback != self.collected]
        if wanted:
            gc.callbacks.append(self.collected)


def runtime_for(spec: Mapping[str, Any]) -> Runtime:
    """
    Return the runtime of this process for `spec`; equal specifications share one.
    """
    key = repr(sorted(spec.items(), key=lambda item: item[0]))
    runtime = _runtimes.get(key)
    if runtime is None:
        runtime = _runtimes[key] = Runtime(spec)
    return runtime


def open_source(target: str, config: Mapping[str, Any], cheap_only: bool = False) -> tuple[Any, str]:
    """
    Return the process's one instance of a monitor or estimator, opened, and why it can't work ("" if it can).

    Args:
        target: ``module:attribute`` of its class.
        config: Keyword arguments for it.
        cheap_only: Don't open what does not call itself cheap.
    """
    key = f"{target} {sorted(config.items())!r}"
    if key not in _sources:
        source, problem = _open_source(target, config, cheap_only)
        if problem == NOT_CHEAP:
            return source, problem  # somebody else may yet ask for it
        _sources[key] = source, problem
    return _sources[key]


def _open_source(target: str, config: Mapping[str, Any], cheap_only: bool) -> tuple[Any, str]:
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
        raise  # somebody's mistake, not the machine's lack
    except BaseException as error:
        return source, f"{type(error).__name__}: {error}"
    return source, ""


def load(target: str) -> Any:
    """
    Import ``module:attribute``.

    Raises:
        ImportError: There is no such module, or it has no such attribute.
    """
    module, _, attribute = target.partition(":")
    try:
        return getattr(__import__(module, fromlist=[attribute]), attribute)
    except AttributeError as error:
        raise ImportError(f"{module} has no {attribute!r}") from error


def reset() -> None:
    """
    Close everything and forget it; the next call builds anew from the configuration as it is then.
    """
    for runtime in _runtimes.values():
        runtime.close()
    for source, problem in _sources.values():
        if source is not None and not problem:
            _close_quietly(source)
    _sources.clear()
    Runtime.sampler = None


def _close_quietly(source: Any) -> None:
    try:
        source.close()
    except Exception:
        return  # it is being thrown away; a failing close has nobody to tell


def _ids() -> Callable[[], str]:
    """
    Return a maker of record ids: 20 random hex digits of this process, then a counter of 12.
    """
    base, numbers = os.urandom(10).hex(), count()
    return lambda: base + "%012x" % next(numbers)  # noqa: UP031 - half as long as an f-string


def _after_fork() -> None:
    """
    Leave nothing of the parent in use: descriptors are closed and reopened, ids renewed, sinks dropped.
    """
    for runtime in _runtimes.values():
        runtime.ready = False
        runtime.sinks = ()  # dropped, not closed: closing could flush the parent's buffers a second time
        runtime.next_id = _ids()
        runtime.ticker = None  # threads don't survive a fork
    for source, problem in _sources.values():
        if source is not None and not problem:
            _close_quietly(source)
    _sources.clear()
    Runtime.tickers.clear()
    if Runtime.sampler is not None:
        Runtime.sampler.forget()
    ledger.open = 0 if current.get() is None else 1


def _at_exit() -> None:
    for runtime in _runtimes.values():
        runtime.close()


def _install() -> None:
    import atexit

    atexit.register(_at_exit)
    if hasattr(os, "register_at_fork"):
        os.register_at_fork(after_in_child=_after_fork)


_install()
