"""
From a specification to an open runtime.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from functools import cache, partial
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, cast

from greensdk.configure import builtin
from greensdk.configure.targets import AUTO, NAMED, PLAIN, SPEC_VARIABLE, Part, load, parts
from greensdk.errors import ConfigError, PluginError, describe, warn_once
from greensdk.machine import hardware
from greensdk.machine.identity import identity
from greensdk.machine.signals import is_from_signal
from greensdk.measure.cputime import HostClock, find_host_clock
from greensdk.measure.record import blank, copied
from greensdk.measure.runtime import Runtime
from greensdk.measure.state import shared
from greensdk.schema.primary import GPU
from greensdk.version import __version__

if TYPE_CHECKING:
    from typing import Protocol

    from greensdk.adapter import Adapter
    from greensdk.configure.targets import Resolved
    from greensdk.deliver.sinks import Sink
    from greensdk.machine.resources import ResourceProbe
    from greensdk.measure.gpu import Waiting, Watching
    from greensdk.measure.polling import Poller
    from greensdk.monitor import CpuClock, Estimator, Monitor
    from greensdk.schema.types import Worker

    class Offering(Protocol):
        """
        What has a process's monitors: :class:`greensdk.measure.slots.Sources`.
        """

        def get(self, target: str, config: Mapping[str, Any], cheap_only: bool = False) -> tuple[Any, str]:
            """
            Return the instance of a target, opened, and why it can't work; empty when it can.
            """
            ...


NONE_ASKED = "clocks only: no monitor was asked for"
NONE_WORKS = "no monitor can measure here; `greensdk doctor` tells why"


def build(spec: Mapping[str, Any], sources: Offering) -> Runtime:
    """
    Return a runtime made from a specification, the configuration and where we run.

    Args:
        spec: The arguments of a decoration, or a resolved specification.
        sources: The monitors of this process.

    Raises:
        ConfigError: A setting is wrong.
    """
    settings = settle(spec)
    deployment = Deployment(settings)
    asked = parts(settings["sources"])
    # Clocks only means clocks only, unless the user or the place has said otherwise.
    detail = settings.get("resources") or deployment.resources or ("light" if asked else "none")
    opened = Opened(settings, sources)
    enrichers = [(part.name, _enricher(part)) for part in _enrichers(settings)]
    record = blank()
    record["label"] = settings.get("label")
    record["tags"] = dict(settings.get("tags") or {})
    record["host"] = opened.host
    record["process"] = identity()
    record["worker"] = deployment.worker
    record["reason"] = NONE_WORKS if asked else NONE_ASKED  # replaced where there is any reading
    record["config_digest"] = settings.get("config_digest")
    record["plugins"] = _versions([*opened.names(), *(name for name, _ in enrichers)], settings.get("versions") or {})
    clock, no_clock = _clock() if asked and opened.cpu_clock is None else (None, "")
    record["host_cpu_source"] = opened.cpu_clock.name if opened.cpu_clock else clock.name if clock else None
    calibrated = settings.get("calibration") or hardware.calibration_path()
    idle_w = _calibrate(calibrated, opened) if os.path.exists(calibrated) else {}
    every_s = settings.get("sample_every_s") or deployment.sample_every_s
    checkpoint_s, signals = settings.get("checkpoint_s"), bool(settings.get("signals"))
    _watch(every_s is not None, signals or checkpoint_s is not None)
    return Runtime(
        blank=record,
        monitors=opened.monitors,
        estimators=opened.estimators,
        cpu_clock=opened.cpu_clock,
        host_clock=clock,
        no_clock=no_clock,
        probe=_probe() if detail == "full" else None,
        poller=poller(opened.monitors, detail),
        missing=opened.missing,
        ranks={name: rank for rank, name in enumerate(settings.get("order") or ())},
        boundary=settings.get("boundary"),
        resources=detail,
        strict=bool(settings.get("strict")),
        gpu=_gpu(bool(settings.get("gpu_sync")), opened.monitors),
        sample_every_s=every_s,
        checkpoint_s=checkpoint_s,
        signals=signals,
        idle_w=idle_w,
        enrichers=enrichers,
        sinks=[*deployment.sinks, *_open_sinks(settings, usual=not deployment.has_sinks)],
        worker_now=deployment.call,
        faults=deployment.faults,
        counts=bool(asked) or detail != "none",
    )


def _calibrate(path: str, opened: Opened) -> dict[str, float]:
    """
    Scale the estimators by what reference meters read, and return the meters' watts at rest.
    """
    from greensdk.machine.calibration import load, references

    host_id = opened.host.get("host_id")
    scales = references(path, host_id) if opened.estimators else {}
    for estimator in opened.estimators:
        if estimator.name in scales and hasattr(estimator, "refer"):
            estimator.refer(scales[estimator.name])
    return load(path, host_id)[0]


def settle(spec: Mapping[str, Any]) -> Resolved:
    """
    Return `spec` with everything decided: as it is when a client has resolved it, else from the configuration.

    Raises:
        ConfigError: A setting is wrong.
    """
    if "sources" in spec:
        return cast("Resolved", spec)
    if handed := os.environ.get(SPEC_VARIABLE):
        import json

        base = json.loads(handed)
        for own, resolved in base.pop("by_name", ()):
            if own == spec:
                return cast("Resolved", resolved)
        if spec.keys() <= PLAIN:
            return cast("Resolved", {**base, **spec})
    from greensdk.configure.config import resolve

    return resolve(spec)


class Opened:
    """
    The monitors, estimators and the CPU clock of a specification that work here, open.

    Attributes:
        monitors: The cheapest last.
        estimators: In the order in which they were asked for.
        cpu_clock: The first that works.
        missing: As in the runtime.
        host: The record's ``host``.
    """

    def __init__(self, settings: Resolved, sources: Offering) -> None:
        self.monitors: list[Monitor] = []
        self.estimators: list[Estimator] = []
        self.cpu_clock: CpuClock | None = None
        self.missing: dict[str, tuple[str, object]] = {
            name: (reason, None) for name, reason in (settings.get("missing") or {}).items()
        }
        self.host: Any = dict.fromkeys(("tdp_w", "tdp_source")) | hardware.describe()
        for part in parts(settings["sources"]):
            if part.why == AUTO and not part.config and builtin.is_absent(part.name):
                continue
            source, problem = sources.get(part.target, part.config, cheap_only=part.why == AUTO)
            if problem and (part.why == NAMED or getattr(source, "boundary", None) == GPU):
                self.missing[part.name] = problem, source
            if not problem and (part.why != AUTO or source.cheap):
                self._take(source)
        # A GPU's driver is asked for its processes too, which takes longer than reading a counter.
        self.monitors.sort(key=lambda monitor: (monitor.cheap, getattr(monitor, "boundary", None) != GPU))

    def _take(self, source: Any) -> None:
        self.host.update(getattr(source, "host_facts", {}))
        if hasattr(source, "estimate"):
            self.estimators.append(source)
        elif not hasattr(source, "cpu_time"):
            self.monitors.append(source)
        elif self.cpu_clock is None:
            self.cpu_clock = source

    def names(self) -> list[str]:
        """
        Return the names of all.
        """
        return [source.name for source in (*self.monitors, *self.estimators, *filter(None, [self.cpu_clock]))]


def poller(monitors: list[Monitor], detail: str) -> Poller | None:
    """
    Return what polls those of some monitors whose meters wrap around; None where none does.
    """
    wrapping = [monitor for monitor in monitors if monitor.max_window_s is not None]
    if not wrapping:
        return None
    from greensdk.measure.polling import EAGER_S, Poller

    every_s = min(monitor.max_window_s or 0.0 for monitor in wrapping)
    return Poller(wrapping, every_s, eager=every_s <= EAGER_S or detail == "full")


def _versions(names: list[str], foreign: Mapping[str, str | None]) -> dict[str, str | None]:
    """
    Return the version of each plugin by name; first-party ones have ours.
    """
    ours = {*builtin.MONITORS, *builtin.ENRICHERS}
    return {name: __version__ if name in ours else foreign.get(name) for name in names}


def _gpu(wait: bool, monitors: list[Monitor]) -> type[Waiting | Watching] | None:
    """
    Return what waits for GPUs, or watches them where a monitor counts their joules.
    """
    if not wait and all(getattr(monitor, "boundary", None) != GPU for monitor in monitors):
        return None
    from greensdk.measure.gpu import Waiting, Watching

    return Waiting if wait else Watching


def _watch(samples: bool, checkpoints: bool) -> None:
    """
    See to it that there is a sampler where calls are to be sampled, and one with checkpoints where they are to leave a
    record even if they never end.
    """
    if shared.sampler is None and (samples or checkpoints):
        from greensdk.sample.sampler import Sampler

        shared.sampler = Sampler()
    if checkpoints and shared.sampler is not None and shared.sampler.checkpoints is None:
        from greensdk.measure.checkpoints import Checkpoints

        shared.sampler.checkpoints = Checkpoints()


@cache
def _clock() -> tuple[HostClock | None, str]:
    return find_host_clock()


class Deployment:
    """
    What the adapter says, if there is one here. One that fails is named in each record, and does without.

    Attributes:
        resources: How much to record of resources; None where it does not say.
        sample_every_s: The sampling period; None for none.
        worker: The record's.
        call: Returns what of it differs from call to call; None where nothing does.
        sinks: URI and sink of each place to which records go from here.
        has_sinks: It has said what these are; otherwise records go where they go without an adapter.
        faults: What it has raised.
    """

    def __init__(self, settings: Resolved) -> None:
        self.resources: str | None = None
        self.sample_every_s: float | None = None
        self.worker: Worker | None = None
        self.call: Callable[[], Worker] | None = None
        self.sinks: list[tuple[str, Sink]] = []
        self.has_sinks = False
        self.faults: dict[str, str] = {}
        for target, when in settings.get("adapters") or builtin.ADAPTERS.values():
            if when in os.environ:
                self._ask(target, settings)
                return

    def _ask(self, target: str, settings: Resolved) -> None:
        is_ours = any(target == each for each, _ in builtin.ADAPTERS.values())
        try:
            if not is_ours:
                settings = copied(dict(settings))
            adapter: Adapter = load(target)(settings)
            self.resources = str(adapter.resources)
            self.sample_every_s = getattr(adapter, "sample_every_s", None)
            self.call = call = getattr(adapter, "call", None)
            if call is not None and not is_ours:
                self.call = lambda: _checked(call())
            for uri, sink in adapter.sinks(settings):
                self.sinks.append((uri, sink if is_ours else cast("Sink", Apart(sink))))
            self.has_sinks = True
            self.worker = adapter.worker() if is_ours else _checked(adapter.worker())
        except BaseException as error:
            if is_from_signal(error):
                raise
            self.faults["adapter"] = f"{target}: {describe(error)}"
            warn_once(f"greensdk could not use an adapter: {self.faults['adapter']}")


def _checked(worker: Any) -> Any:
    """
    Return what a third party's adapter has said of the worker.

    Raises:
        PluginError: The record would be none with it.
    """
    from greensdk.schema.check import problems

    wrong = [each for each in problems({**blank(), "worker": worker}) if each.startswith("worker")]
    if wrong:
        raise PluginError("adapter", "; ".join(wrong))
    return worker


def _probe() -> ResourceProbe | None:
    from greensdk.machine.resources import ResourceProbe

    probe = ResourceProbe()
    return probe if probe.available else None


def _enrichers(settings: Resolved) -> list[Part]:
    """
    Return what adds its fields to each record; in a Lambda, whose prices are published, the cost without being asked.
    """
    asked = parts(settings.get("enrichers"))
    if builtin.LAMBDA in os.environ and all(part.name != "cost" for part in asked):
        asked.append(Part("cost", builtin.ENRICHERS["cost"], {}))
    return asked


def _enricher(part: Part) -> Callable[..., Any]:
    """
    Return the function behind a ``greensdk_enrich``, with its plugin's table where it takes that.
    """
    import inspect

    try:
        enrich: Callable[..., Any] = load(part.target)
        if isinstance(enrich, type):
            enrich = enrich(**part.config)
        elif "config" in inspect.signature(enrich).parameters:
            enrich = partial(enrich, config=part.config)
    except ConfigError:
        raise  # the user's mistake
    except BaseException as error:
        if is_from_signal(error):
            raise
        return partial(_raise, error)
    if part.target in builtin.ENRICHERS.values():
        return enrich
    return lambda record: enrich(record=MappingProxyType(copied(dict(record))))


def _raise(error: BaseException, **_: Any) -> None:
    raise error.with_traceback(None)  # or it would grow with each record


def _open_sinks(settings: Resolved, usual: bool) -> Iterator[tuple[str, Sink]]:
    """
    Yield the sinks that the user has named; without any the usual ones, if these are wanted.
    """
    wanted = settings.get("sinks")
    if wanted is None and usual:
        wanted = settings.get("default_sinks") or [("energy.jsonl", builtin.SINKS["file"], {})]
    for part in parts(wanted):
        try:
            sink = load(part.target)(part.name, **part.config)
            yield part.name, sink if part.target in builtin.SINKS.values() else cast("Sink", Apart(sink))
        except BaseException as error:
            if is_from_signal(error):
                raise
            from greensdk.deliver.sinks import Unopened

            yield part.name, Unopened(part.name, error)


class Apart:
    """
    Stands before a third party's sink, which gets a copy of each record: what it does to that concerns no other.
    """

    def __init__(self, sink: Sink) -> None:
        self._sink = sink

    def __getattr__(self, name: str) -> Any:
        return getattr(self._sink, name)

    def emit(self, record: Mapping[str, Any]) -> None:
        """
        Hand over a copy.
        """
        self._sink.emit(copied(record))
