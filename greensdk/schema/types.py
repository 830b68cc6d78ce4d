"""
A record's types, for type checkers: importing this costs a worker nothing, for nothing imports it when it runs.

The keys and their types are those of :data:`greensdk.schema.fields.FIELDS`, which says what each means; a test compares
the two. Keys that only some records have are those of places, plugins and later versions.
"""

from __future__ import annotations

from typing import Any, Literal, NotRequired, TypedDict

from greensdk.monitor import Reading

Status = Literal["ok", "error", "cancelled", "lost", "unmeasured", "interim"]


class Statistics(TypedDict):
    """
    What many samples of one number come to.
    """

    n: int | None
    min: float | None
    mean: float | None
    max: float | None
    p95: float | None


class SampledProcess(TypedDict):
    """
    One process, as far as samples saw it.
    """

    pid: int | None
    ppid: int | None
    cpu_s: float | None
    rss_max_bytes: int | None


class Resources(TypedDict, total=False):
    """
    What else the call used.
    """

    cpu_user_s: float | None
    cpu_system_s: float | None
    peak_rss_bytes: int | None
    minor_faults: int | None
    major_faults: int | None
    ctx_switches_voluntary: int | None
    ctx_switches_involuntary: int | None
    pid: int | None
    ppid: int | None
    cpu_percent: float | None
    process_memory_percent: float | None
    rss_bytes: float | None
    vms_bytes: float | None
    io_read_bytes: float | None
    io_write_bytes: float | None
    threads: int | None
    children: int | None
    ctx_switches: float | None
    open_fds: int | None
    host_cpu_percent: float | None
    cpu_percent_per_core: list[float | None] | None
    host_load_1m: float | None
    host_memory_percent: float | None
    host_memory_used_bytes: float | None
    host_disk_read_bytes: float | None
    host_disk_write_bytes: float | None
    net_sent_bytes: float | None
    net_recv_bytes: float | None
    cpu_freq_mhz: float | None
    cpu_freq_min_mhz: float | None
    cpu_freq_max_mhz: float | None
    cpu_temp_c: float | None
    cpu_temp_max_c: float | None


class Samples(TypedDict):
    """
    What was seen while the call ran.
    """

    asked_s: float | None
    achieved_s: float | None
    n: int | None
    dropped: int | None
    sampler_cpu_s: float | None
    power_w: dict[str, Statistics | None]
    processes: list[SampledProcess]
    cpu_percent: Statistics | None
    rss_bytes: Statistics | None
    io_read_bytes_per_s: Statistics | None
    io_write_bytes_per_s: Statistics | None
    reason: str | None


class Process(TypedDict):
    """
    The process that the call ran in; see :func:`greensdk.machine.identity.identity`.
    """

    pid: int
    started_s: float | None
    pid_namespace: int | None
    ancestors: list[list[float]]
    parent_id: str | None


class Host(TypedDict, total=False):
    """
    The machine.
    """

    host_id: str | None
    boot_id: str | None
    os: str | None
    arch: str | None
    cpu_model: str | None
    cpu_class: str | None
    cpu_generation: str | None
    cpus_logical: int | None
    cpus_physical: int | None
    sockets: int | None
    memory_bytes: int | None
    virtualised: bool | None
    tdp_w: float | None
    tdp_source: str | None


class Worker(TypedDict, total=False):
    """
    Where the call ran in a larger system.
    """

    adapter: str | None
    backend: str | None
    executor_id: str | None
    job_id: str | None
    call_id: str | None
    activation_id: str | None
    attempt: int | None
    calls: int | None
    memory_mb: float | None
    cold_start: bool | None
    function_name: str | None
    function_version: str | None
    stage: str | None
    workflow: str | None
    parents: list[str] | None
    node: str | None
    namespace: str | None
    pod: str | None
    pod_uid: str | None
    container: str | None


class Cost(TypedDict, total=False):
    """
    What the call cost.
    """

    usd: float | None
    compute_usd: float | None
    requests_usd: float | None
    gb_s: float | None
    electricity: float | None
    electricity_currency: str | None
    electricity_boundary: str | None
    region: str | None
    architecture: str | None
    price_source: str | None
    price_date: str | None
    reason: str | None


class Carbon(TypedDict, total=False):
    """
    What the call emitted.
    """

    g_co2e: float | None
    low_g: float | None
    high_g: float | None
    energy_boundary: str | None
    intensity_g_per_kwh: float | None
    intensity_year: int | None
    intensity_source: str | None
    country: str | None
    provider: str | None
    region: str | None
    pue: float | None
    pue_source: str | None
    embodied_g: float | None
    reason: str | None


class GpuSync(TypedDict, total=False):
    """
    What was waited for on GPUs.
    """

    libraries: list[str]
    waited_s: float | None
    reason: str | None


class Phases(TypedDict, total=False):
    """
    How long measuring took.
    """

    start_s: float | None
    stop_s: float | None


class Record(TypedDict):
    """
    One measured call: one line of a log.
    """

    schema: str
    record_id: str
    parent_id: str | None
    depth: int
    function: str | None
    label: str | None
    tags: dict[str, Any]
    status: Status
    error_type: str | None
    runs: int
    started_at: str
    monotonic_s: float | None
    duration_s: float | None
    cpu_s: float | None
    cpu_source: str | None
    children_cpu_s: NotRequired[float | None]
    host_cpu_s: float | None
    host_cpu_start_s: float | None
    host_cpu_source: str | None
    cpu_share: float | None
    energy_j: float | None
    energy_low_j: float | None
    energy_high_j: float | None
    energy_parts_j: dict[str, float | None] | None
    energy_source: str | None
    energy_quality: str | None
    energy_boundary: str | None
    model_id: NotRequired[str | None]
    common_factor_low: NotRequired[float | None]
    common_factor_high: NotRequired[float | None]
    energy_self_j: float | None
    energy_per_run_j: float | None
    units: NotRequired[dict[str, float]]
    energy_per_unit_j: NotRequired[dict[str, float | None]]
    active_j: float | None
    reason: str | None
    readings: list[Reading]
    resources: Resources
    samples: Samples | None
    host: Host
    process: NotRequired[Process | None]
    worker: Worker | None
    cost: Cost
    carbon: Carbon
    errors: dict[str, str]
    phases: Phases
    gpu_sync: NotRequired[GpuSync | None]
    overhead_s: float | None
    greensdk: str
    config_digest: str | None
    plugins: dict[str, str | None]
    previous_digest: NotRequired[str | None]
