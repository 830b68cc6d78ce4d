"""
What a record may hold: the table of its keys, a checker, and the flat names.

Here stand the name of the format and the keys of a call, in the order in which they stand in the line: a worker needs
them with every call, and not what each of them means, which :mod:`greensdk.schema.fields` says.
"""

SCHEMA = "greensdk.record/1"
KEYS = (  # noqa: SIM905 - four lines instead of forty
    "schema record_id parent_id depth function label tags status error_type runs started_at monotonic_s duration_s "
    "cpu_s cpu_source children_cpu_s host_cpu_s host_cpu_start_s host_cpu_source cpu_share energy_j energy_low_j "
    "energy_high_j energy_parts_j energy_source energy_quality energy_boundary energy_self_j energy_per_run_j units "
    "energy_per_unit_j active_j reason readings resources samples host process worker cost carbon errors phases "
    "gpu_sync overhead_s greensdk config_digest plugins"
).split()
