"""
Builds plugins/greensdk_prometheus/dashboard.json, the Grafana dashboard.

    python benchmarks/dashboard.py > plugins/greensdk_prometheus/dashboard.json

It needs ``grafana-foundation-sdk``. Joules of different boundaries are shown side by side, never added.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

TITLE, UID = "greensdk: joules of functions", "greensdk"
WHO = 'function=~"$function",backend=~"$backend"'
RATE = "[$__rate_interval]"
RANGE = "[$__range]"
BY = "{{function}} ({{boundary}})"


class Panel(NamedTuple):
    """
    One panel.

    Attributes:
        title: Above it.
        unit: Grafana's name for the unit (https://grafana.com/docs/grafana/latest/panels-visualizations/).
        queries: Expression and legend of each.
        text: What it tells.
        is_number: A single number instead of a curve.
    """

    title: str
    unit: str
    queries: tuple[tuple[str, str], ...]
    text: str
    is_number: bool = False


def _total(name: str, by: str, over: str = RATE, how: str = "rate", more: str = "") -> str:
    return f"sum by ({by}) ({how}({name}{{{WHO}{more}}}{over}))"


def _newest(name: str, statistic: str, by: str = "function") -> str:
    return f'max by ({by}) ({name}{{{WHO},statistic="{statistic}"}})'


def _quantile(name: str, quantile: float, by: str) -> str:
    return f"histogram_quantile({quantile}, {_total(f'{name}_bucket', f'{by}, le')})"


def _mean(name: str, by: str) -> str:
    return f"{_total(f'{name}_sum', by)} / {_total(f'{name}_count', by)}"


def _in_range(name: str, by: str = "") -> str:
    total = f"increase({name}{{{WHO}}}{RANGE})"
    return f"sum by ({by}) ({total})" if by else f"sum({total})"


ENERGY, CALLS, JOULES = "greensdk_energy_joules_total", "greensdk_calls_total", "greensdk_call_joules"
SECONDS, OVERHEAD = "greensdk_call_duration_seconds", "greensdk_overhead_seconds_total"
READ, WRITTEN = "greensdk_sampled_disk_read_bytes_per_second", "greensdk_sampled_disk_written_bytes_per_second"
SENT, RECEIVED = "greensdk_network_sent_bytes_per_second", "greensdk_network_received_bytes_per_second"
OUTER = ',nested="false"'

ROWS: dict[str, tuple[Panel, ...]] = {
    "In this time": (
        Panel("Energy", "joule", ((_in_range(ENERGY, "boundary"), "{{boundary}}"),), "All calls together.", True),
        Panel("Calls", "short", ((_in_range(CALLS), "calls"),), "Measured calls, nested ones too.", True),
        Panel(
            "Joules of a call",
            "joule",
            (
                (
                    f"{_in_range(f'{JOULES}_sum', 'boundary')} / {_in_range(f'{JOULES}_count', 'boundary')}",
                    "{{boundary}}",
                ),
            ),
            "Mean of the calls whose energy is known.",
            True,
        ),
        Panel(
            "Calls without a number",
            "percentunit",
            ((f"{_in_range('greensdk_calls_without_number_total')} / {_in_range(CALLS)}", "share"),),
            "Share of calls whose energy is unknown; their records say why.",
            True,
        ),
    ),
    "Energy": (
        Panel("Power by function", "watt", ((_total(ENERGY, "function, boundary"), BY),), "Without calls inside."),
        Panel(
            "Power by how it is known",
            "watt",
            ((_total(ENERGY, "source, quality, boundary"), "{{source}}: {{quality}} ({{boundary}})"),),
            "Measured, attributed or estimated, and by which monitor.",
        ),
        Panel(
            "Joules of a call, by function",
            "joule",
            (
                (
                    _mean(JOULES, "function, boundary"),
                    BY,
                ),
            ),
            "Mean, with the calls inside.",
        ),
        Panel(
            "Joules of a call, median and 95th percentile",
            "joule",
            tuple((_quantile(JOULES, q, "boundary"), f"p{round(100 * q)} ({{{{boundary}}}})") for q in (0.5, 0.95)),
            "From the buckets of the histogram.",
        ),
    ),
    "Calls": (
        Panel("Calls per second", "cps", ((_total(CALLS, "status"), "{{status}}"),), "By how they ended."),
        Panel(
            "Duration, 95th percentile", "s", ((_quantile(SECONDS, 0.95, "function"), "{{function}}"),), "Wall seconds."
        ),
        Panel(
            "Busy CPUs",
            "short",
            ((_total("greensdk_cpu_seconds_total", "function", more=OUTER), "{{function}}"),),
            "CPU seconds per second, of outermost calls.",
        ),
        Panel(
            "What measuring costs",
            "percentunit",
            ((f"{_total(OVERHEAD, 'function')} / {_total(f'{SECONDS}_sum', 'function')}", "{{function}}"),),
            "Seconds that measuring added, over the seconds of the calls.",
        ),
    ),
    "Sampled calls: the newest of each function": (
        Panel(
            "CPU of worker and children",
            "percent",
            tuple(
                (_newest("greensdk_sampled_cpu_percent", each), f"{{{{function}}}} {each}") for each in ("mean", "max")
            ),
            "100% is one busy CPU: a process on several has more.",
        ),
        Panel(
            "Memory of worker and children",
            "bytes",
            tuple(
                (_newest("greensdk_sampled_memory_bytes", each), f"{{{{function}}}} {each}") for each in ("mean", "max")
            ),
            "Resident; shared pages count once for each process.",
        ),
        Panel(
            "Disk",
            "Bps",
            ((_newest(READ, "mean"), "{{function}} read"), (_newest(WRITTEN, "mean"), "{{function}} written")),
            "What the block devices had to do.",
        ),
        Panel(
            "Network of the machine",
            "Bps",
            tuple(
                (f"max by (function) ({name}{{{WHO}}})", f"{{{{function}}}} {word}")
                for name, word in ((SENT, "sent"), (RECEIVED, "received"))
            ),
            "All interfaces together, while the call ran.",
        ),
        Panel(
            "Power of the machine's meters",
            "watt",
            ((_newest("greensdk_sampled_power_watts", "mean", "function, monitor"), "{{monitor}} in {{function}}"),),
            "The whole meter's, not the call's part.",
        ),
        Panel(
            "CPU seconds of worker and children",
            "short",
            ((_total("greensdk_sampled_process_cpu_seconds_total", "process"), "{{process}}"),),
            "Per second, as samples saw them.",
        ),
    ),
}


def expressions() -> Iterator[tuple[str, str]]:
    """
    Yield the title and each expression of every panel.
    """
    for panels in ROWS.values():
        for panel in panels:
            for expression, _ in panel.queries:
                yield panel.title, expression


def build() -> str:
    """
    Return the dashboard as JSON.
    """
    from grafana_foundation_sdk.builders import dashboard
    from grafana_foundation_sdk.cog.encoder import JSONEncoder
    from grafana_foundation_sdk.models.dashboard import DataSourceRef, VariableRefresh

    source = DataSourceRef("prometheus", "$datasource")
    board = dashboard.Dashboard(TITLE).uid(UID).tags(["energy", "greensdk"]).refresh("30s").time("now-1h", "now")
    board = board.editable().with_variable(
        dashboard.DatasourceVariable("datasource").label("Data source").type("prometheus")
    )
    for name in ("function", "backend"):
        variable = dashboard.QueryVariable(name).label(name.capitalize()).datasource(source)
        variable = variable.query(f"label_values({CALLS}, {name})").refresh(VariableRefresh.ON_TIME_RANGE_CHANGED)
        board = board.with_variable(variable.multi(True).include_all(True).all_value(".*"))
    for title, panels in ROWS.items():
        board = board.with_row(dashboard.Row(title))
        for panel in panels:
            board = board.with_panel(_panel(panel, source))
    return str(JSONEncoder(sort_keys=True, indent=2).encode(board.build())) + "\n"


def _panel(panel: Panel, source: Any) -> Any:
    from grafana_foundation_sdk.builders import common, prometheus, stat, timeseries
    from grafana_foundation_sdk.models.common import BigValueGraphMode, LegendDisplayMode, LegendPlacement

    if panel.is_number:
        shape: Any = stat.Panel().span(6).height(5).graph_mode(BigValueGraphMode.NONE)
    else:
        legend = common.VizLegendOptions().display_mode(LegendDisplayMode.LIST).placement(LegendPlacement.BOTTOM)
        shape = timeseries.Panel().span(12).height(8).min(0).legend(legend.show_legend(True))
    built = shape.title(panel.title).description(panel.text).unit(panel.unit).datasource(source)
    for letter, (expression, name) in zip("ABCDEF", panel.queries, strict=False):
        query = prometheus.Dataquery().expr(expression).legend_format(name).ref_id(letter)
        built = built.with_target(query.instant() if panel.is_number else query.range())
    return built


if __name__ == "__main__":
    import sys

    sys.stdout.write(build())
