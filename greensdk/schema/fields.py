"""
Every key of a record, with its type, its unit and one sentence.

Names are dotted paths: ``host.arch`` is in the object ``host``, ``readings[].monitor`` in each item of the
list ``readings``, and ``errors.*`` stands for any further key of ``errors``. Units: J, s, W, B (bytes), MHz,
MB, B/s, degC (degrees Celsius), USD, GB s, g, g/kWh, % and 1 (a plain number); texts have none.
"""

from __future__ import annotations

from typing import NamedTuple

from greensdk.machine.resources import RESOURCE_FIELDS
from greensdk.schema import SCHEMA
from greensdk.schema.sampled import SAMPLED, STATISTICS

FORMAT, _, _major = SCHEMA.partition("/")
MAJOR = int(_major)
"""The newest major version of a record that can be read; all older ones can."""

READABLE = f"^{FORMAT.replace('.', '[.]')}/({'|'.join(map(str, range(MAJOR + 1)))})$"
TIME = "^[0-9]{4}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])T([01][0-9]|2[0-3]):[0-5][0-9]:([0-5][0-9]|60)([.][0-9]+)?Z$"
"""RFC 3339, section 5.6, in UTC."""

STATUSES = ("ok", "error", "cancelled", "lost", "unmeasured", "interim")
SCOPES = ("machine", "call")
QUALITIES = ("measured", "attributed", "estimated")


class Field(NamedTuple):
    """
    What may stand under one key.

    Attributes:
        types: JSON Schema's type names.
        unit: J, s, W, B, MB, MHz, degC, %, 1; empty for what has none.
        text: One sentence.
        required: The key is in every record (or in every item of its list).
        enum: The only texts allowed.
        pattern: A regular expression that a text matches.
        least: The lowest number allowed.
    """

    types: tuple[str, ...]
    unit: str
    text: str
    required: bool = False
    enum: tuple[str, ...] = ()
    pattern: str = ""
    least: float | None = None


def _text(text: str, *, enum: tuple[str, ...] = (), pattern: str = "") -> Field:
    return Field(("string",), "", text, True, enum, pattern)


def _maybe_text(text: str, *, enum: tuple[str, ...] = (), required: bool = True) -> Field:
    return Field(("string", "null"), "", text, required, enum)


def _number(unit: str, text: str, *, least: float | None = None, required: bool = True) -> Field:
    return Field(("number", "null"), unit, text, required, least=least)


def _count(text: str, unit: str = "1", *, required: bool = False) -> Field:
    return Field(("integer", "null"), unit, text, required, least=0)


def _fact(text: str) -> Field:
    return _maybe_text(text, required=False)


_CALL: dict[str, Field] = {
    "schema": _text("Name and major version of this format.", pattern=READABLE),
    "record_id": _text("32 hex digits that no other record has."),
    "parent_id": _maybe_text("The record_id of the call that this one ran inside."),
    "depth": Field(("integer",), "1", "How many measured calls are around this one.", True, least=0),
    "function": _maybe_text("Module and qualified name; null for a block."),
    "label": _maybe_text("The name that the user gave."),
    "tags": Field(("object",), "", "Further names that the user gave.", True),
    "status": _text(
        "How the call ended; lost: its worker died, or it was never ended; unmeasured: it ran without being measured; "
        "interim: it had not ended.",
        enum=STATUSES,
    ),
    "error_type": _maybe_text("Class name of what the call raised."),
    "runs": Field(("integer",), "1", "How many runs of the function the record is about.", least=0),
    "started_at": _text("When the call began, in UTC.", pattern=TIME),
    "monotonic_s": _number("s", "The same on the host's monotonic clock.", required=False),
    "duration_s": _number("s", "Wall seconds of the call.", least=0),
    "cpu_s": _number("s", "CPU seconds of the call and of the children it waited for.", least=0),
    "cpu_source": _maybe_text("The clock that cpu_s comes from.", required=False),
    "children_cpu_s": _number("s", "CPU seconds of child processes in cpu_s.", least=0, required=False),
    "host_cpu_s": _number("s", "Busy CPU seconds of the whole machine in the same window.", least=0, required=False),
    "host_cpu_start_s": _number("s", "What that clock showed at the beginning.", required=False),
    "host_cpu_source": _maybe_text("The clock that host_cpu_s comes from.", required=False),
    "cpu_share": _number("1", "cpu_s over host_cpu_s.", least=0, required=False),
    "energy_j": _number("J", "Joules of the call, tracked children included, by the best monitor.", least=0),
    "energy_low_j": _number("J", "Lower end of its 90% interval."),
    "energy_high_j": _number("J", "Upper end of its 90% interval."),
    "energy_parts_j": Field(("object", "null"), "J", "The parts that energy_j is the sum of; null where it is none."),
    "energy_parts_j.*": _number("J", "One part's joules: package, dram, gpu.", least=0, required=False),
    "energy_source": _maybe_text("The monitor that energy_j comes from; several, joined by +, for a sum."),
    "energy_quality": _maybe_text("How energy_j is known.", enum=QUALITIES),
    "energy_boundary": _maybe_text(
        "What is inside energy_j: wall, vcpu+memory, or package, dram and gpu, joined by +."
    ),
    "energy_self_j": _number("J", "energy_j without the tracked calls inside.", least=0),
    "energy_per_run_j": _number("J", "energy_j over runs.", least=0, required=False),
    "model_id": _fact("Which model of which machine energy_j is from; the same in all records that share its factor."),
    "common_factor_low": _number("1", "Lower 90% factor of the error that they share.", least=0, required=False),
    "common_factor_high": _number("1", "Upper 90% factor of it; it cancels in ratios.", least=0, required=False),
    "units": Field(("object",), "", "How much work the call did, by the name of the unit: tokens, rows, requests."),
    "energy_per_unit_j": Field(("object",), "J", "energy_j over each of them."),
    "active_j": _number("J", "Joules above the machine's calibrated idle power.", required=False),
    "reason": _maybe_text("Why energy_j is null, or what is not in it that should be."),
    "readings": Field(("array",), "", "What each monitor says about the same call.", True),
    "resources": Field(("object",), "", "What else the call used.", True),
    "samples": Field(("object", "null"), "", "What was seen while the call ran; null unless sampling was asked for."),
    "host": Field(("object",), "", "The machine.", True),
    "process": Field(("object", "null"), "", "The process that the call ran in."),
    "worker": Field(("object", "null"), "", "Where the call ran in a larger system; null outside one.", True),
    "cost": Field(("object",), "", "What the call cost, when a plugin knows the prices."),
    "carbon": Field(("object",), "", "What the call emitted, when a plugin knows the intensity."),
    "errors": Field(("object",), "", "What went wrong while measuring.", True),
    "errors.*": Field(("string",), "", "The error text, by plugin."),
    "phases": Field(("object",), "", "How long measuring took before and after the call."),
    "phases.start_s": _number("s", "From the wrapper's first instruction to the call's.", required=False),
    "phases.stop_s": _number("s", "From the call's end to the last meter's reading.", required=False),
    "gpu_sync": Field(("object", "null"), "", "What the GPU was waited for; null where no library has used one."),
    "gpu_sync.libraries": Field(("array",), "", "The libraries that have used a GPU: torch, cupy, jax."),
    "gpu_sync.libraries[]": Field(("string",), "", "One library."),
    "gpu_sync.waited_s": _number("s", "Seconds of the call that waiting took.", least=0, required=False),
    "gpu_sync.reason": _fact("Why one was not waited for: its work may lie outside of the call."),
    "overhead_s": _number(
        "s", "Seconds that measuring added; what handing it over took is in the process's next record.", least=0
    ),
    "greensdk": _text("Version of greensdk that wrote the record."),
    "config_digest": _fact("12 hex digits of the SHA-256 of the settings in force."),
    "plugins": Field(("object",), "", "Version of each plugin at work; null where it has none."),
    "plugins.*": Field(("string", "null"), "", "One plugin's."),
    "previous_digest": _fact("SHA-256 of the line before in the same file, where the file is chained."),
}

_READING: dict[str, Field] = {
    "monitor": _text("The monitor's name."),
    "scope": _text("Whose joules its energy_j is.", enum=SCOPES),
    "quality": _text("How they are known.", enum=QUALITIES),
    "boundary": _text("What is inside the number."),
    "energy_j": _number("J", "Joules of the scope in the call's window.", least=0),
    "energy_low_j": _number("J", "Lower end of the 90% interval of energy_j.", required=False),
    "energy_high_j": _number("J", "Upper end of the 90% interval of energy_j.", required=False),
    "call_j": _number("J", "Joules of the call.", least=0),
    "low_j": _number("J", "Lower end of the 90% interval of call_j."),
    "high_j": _number("J", "Upper end of the 90% interval of call_j."),
    "domains": Field(("object",), "", "energy_j by domain of the meter.", True),
    "domains.*": _number("J", "Joules of one domain; null where it could not be read.", required=False),
    "meter_id": _maybe_text("Which physical meter this is; the same in all calls that share it."),
    "reason": _maybe_text("Why energy_j or call_j is null."),
    "attributes": Field(("object",), "", "How the number came about: raw counters, constants, their sources.", True),
}

_LIGHT: dict[str, Field] = {
    "cpu_user_s": _number("s", "CPU seconds in user mode.", least=0, required=False),
    "cpu_system_s": _number("s", "CPU seconds in the kernel.", least=0, required=False),
    "peak_rss_bytes": _count("Most memory that the process, or one of its children, ever had resident.", "B"),
    "minor_faults": _count("Page faults that needed no disk."),
    "major_faults": _count("Page faults that needed the disk."),
    "ctx_switches_voluntary": _count("Times the process waited for something."),
    "ctx_switches_involuntary": _count("Times the process had to make room for another."),
}


def _statistics(name: str, unit: str) -> dict[str, Field]:
    return {
        f"{name}.{key}": _count(text, required=True) if key == "n" else _number(unit, text, least=0)
        for key, text in STATISTICS.items()
    }


_SAMPLES: dict[str, Field] = {
    "asked_s": _number("s", "The sampling period that was asked for.", least=0),
    "achieved_s": _number("s", "The mean period that was achieved.", least=0),
    "n": _count("Samples that lie in the call.", required=True),
    "dropped": _count("Samples of the call that were too old to keep.", required=True),
    "sampler_cpu_s": _number("s", "CPU seconds of the thread that samples, which are not in cpu_s.", least=0),
    "power_w": Field(("object",), "W", "Power of each machine-wide meter, by monitor."),
    "power_w.*": Field(("object", "null"), "", "One meter's power in watts; null where no sample has any."),
    **_statistics("power_w.*", "W"),
    "processes": Field(("array",), "", "The 100 processes of the tree that took the most CPU time."),
    "processes[]": Field(("object",), "", "One process, as far as samples saw it."),
    "processes[].pid": _count("Process id.", required=True),
    "processes[].ppid": _count("Process id of its parent.", required=True),
    "processes[].cpu_s": _number("s", "CPU seconds of its own.", least=0),
    "processes[].rss_max_bytes": _count("Most memory that it had resident in any sample.", "B", required=True),
}
for _name, (_unit, _what) in SAMPLED.items():
    _SAMPLES[_name] = Field(("object", "null"), _unit, _what)
    _SAMPLES |= _statistics(_name, _unit)
_SAMPLES["reason"] = _maybe_text("Why there are no samples, or why none of them has one of these numbers.")

_HOST: dict[str, Field] = {
    "host_id": _fact("16 hex digits that stay the same for this machine, made from its machine-id."),
    "boot_id": _fact("The kernel's id of this boot, which containers share with their machine."),
    "os": _fact("linux, darwin or win32."),
    "arch": _fact("The architecture as the kernel names it."),
    "cpu_model": _fact("The CPU's name."),
    "cpu_class": _fact("Its class; greensdk.machine.hardware lists them."),
    "cpu_generation": _fact("Its microarchitecture, where its name hides the part."),
    "cpus_logical": _count("Hardware threads of the machine."),
    "cpus_physical": _count("Cores of the machine."),
    "sockets": _count("Processor packages; on a virtual machine what the hypervisor pretends."),
    "memory_bytes": _count("RAM of the machine.", "B"),
    "virtualised": Field(("boolean", "null"), "", "A virtual machine."),
    "tdp_w": _number("W", "Thermal design power of all CPUs together.", least=0, required=False),
    "tdp_source": _fact("Where tdp_w comes from."),
}

_PROCESS: dict[str, Field] = {
    "pid": Field(("integer",), "1", "Process id, in its own pid namespace.", least=0),
    "started_s": _number("s", "When it began: since the boot on Linux, since 1970 elsewhere.", required=False),
    "pid_namespace": _count("Inode of its pid namespace: equal pids of two containers are two processes."),
    "ancestors": Field(("array",), "", "Its parent, its parent's parent and so on, when the meters were opened."),
    "ancestors[]": Field(("array",), "", "One of them: its pid and its started_s."),
    "ancestors[][]": Field(("number",), "1", "The pid, or the seconds."),
    "parent_id": _fact("The record_id that `greensdk run` handed on to its command."),
}

_WORKER: dict[str, Field] = {
    "adapter": _fact("The adapter that knew where we run."),
    "backend": _fact("Where the workers are: localhost, aws_lambda, k8s."),
    "executor_id": _fact("The executor that started the call."),
    "job_id": _fact("The job it belongs to."),
    "call_id": _fact("Its number in the job."),
    "activation_id": _fact("The activation it ran in."),
    "attempt": _count("Which attempt it was."),
    "calls": _count("How many calls its job has."),
    "memory_mb": _number("MB", "Memory that the backend allots.", least=0, required=False),
    "cold_start": Field(("boolean", "null"), "", "The worker was new."),
    "function_name": _fact("The function's name in its service."),
    "function_version": _fact("The function's version."),
    "stage": _fact("The stage of the workflow."),
    "workflow": _fact("The workflow."),
    "parents": Field(("array", "null"), "", "The stages that this one waits for."),
    "parents[]": Field(("string",), "", "One stage."),
    "node": _fact("The Kubernetes node."),
    "namespace": _fact("The pod's namespace."),
    "pod": _fact("The pod's name."),
    "pod_uid": _fact("The pod's uid."),
    "container": _fact("The container's id, as its cgroup has it."),
}

_COST: dict[str, Field] = {
    "usd": _number("USD", "All that is known to be billed; null unless every part of it is known.", required=False),
    "compute_usd": _number("USD", "GB-seconds of a function, or a machine's time.", required=False),
    "requests_usd": _number("USD", "The request; 0 for a call inside another.", required=False),
    "gb_s": _number("GB s", "Memory times the duration, rounded up to the millisecond.", least=0, required=False),
    "electricity": _number("1", "Joules times the price of a kWh, in electricity_currency.", required=False),
    "electricity_currency": _fact("What electricity is in."),
    "electricity_boundary": _fact("What is inside its joules: the widest boundary that is known of the call."),
    "region": _fact("Whose prices these are."),
    "architecture": _fact("x86_64 or arm64, whose prices these are."),
    "price_source": _fact("Where the prices come from; configured for own ones."),
    "price_date": _fact("When they were read there."),
    "reason": _fact("Why a number is null."),
}

_CARBON: dict[str, Field] = {
    "g_co2e": _number("g", "Emissions of the electricity, as CO2.", least=0, required=False),
    "low_g": _number("g", "The same for the lower end of the joules.", required=False),
    "high_g": _number("g", "The same for the upper end.", required=False),
    "energy_boundary": _fact("What is inside the joules that they rest on: the widest boundary that is known."),
    "intensity_g_per_kwh": _number("g/kWh", "Carbon intensity of the electricity.", least=0, required=False),
    "intensity_year": _count("The year it is of."),
    "intensity_source": _fact("Where it comes from."),
    "country": _fact("ISO 3166-1 alpha-3."),
    "provider": _fact("aws, google or azure."),
    "region": _fact("The cloud's region."),
    "pue": _number("1", "kWh of the building for each of its computers.", least=1, required=False),
    "pue_source": _fact("Where that comes from."),
    "embodied_g": _number("g", "The call's part of what making the machine emitted; not in g_co2e.", required=False),
    "reason": _fact("Why g_co2e is null."),
}

_WHOLE = frozenset({"pid", "ppid", "threads", "children", "open_fds"})


def _resource(name: str, unit: str, text: str) -> Field:
    if name == "cpu_percent_per_core":
        return Field(("array", "null"), unit, text)
    return Field(("integer" if name in _WHOLE else "number", "null"), unit, text)


FIELDS: dict[str, Field] = {
    **_CALL,
    "units.*": Field(("number",), "1", "How much of one unit."),
    "energy_per_unit_j.*": Field(("number", "null"), "J", "Joules for one of it."),
    "readings[]": Field(("object",), "", "One monitor's reading."),
    **{f"readings[].{name}": field for name, field in _READING.items()},
    **{f"resources.{name}": field for name, field in _LIGHT.items()},
    **{f"resources.{name}": _resource(name, *about) for name, about in RESOURCE_FIELDS.items()},
    "resources.cpu_percent_per_core[]": Field(("number", "null"), "%", "One logical CPU."),
    **{f"samples.{name}": field for name, field in _SAMPLES.items()},
    **{f"host.{name}": field for name, field in _HOST.items()},
    **{f"process.{name}": field for name, field in _PROCESS.items()},
    **{f"worker.{name}": field for name, field in _WORKER.items()},
    **{f"cost.{name}": field for name, field in _COST.items()},
    **{f"carbon.{name}": field for name, field in _CARBON.items()},
}
"""Dotted name to :class:`Field`."""
