"""
Records as tables, for SQL: DuckDB reads the files where they lie, and only the columns that a query asks for; calls
and their sums are those of the report.
"""

from __future__ import annotations

import os
import re
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from greensdk.errors import RecordError
from greensdk.logs.columns import literal, quoted, sql_columns
from greensdk.logs.parquet import LINE, selected
from greensdk.logs.pieces import opened
from greensdk.logs.read import LONGEST_BYTES, PARQUET, Problem, files, is_uri
from greensdk.report.groups import ends
from greensdk.schema.fields import FORMAT, MAJOR

if TYPE_CHECKING:
    import duckdb

    from greensdk.report.energy import EnergyReport

CALLS = {
    "record_id": "VARCHAR",
    "started_at": "TIMESTAMP",
    **dict.fromkeys(("function", "label", "status", "error_type"), "VARCHAR"),
    "runs": "BIGINT",
    **dict.fromkeys(("duration_s", "cpu_s", "energy_j", "energy_low_j", "energy_high_j"), "DOUBLE"),
    **dict.fromkeys(("energy_source", "energy_quality", "energy_boundary", "reason"), "VARCHAR"),
    "power_w": "DOUBLE",
    **dict.fromkeys(("host_id", "backend", "stage"), "VARCHAR"),
    **dict.fromkeys(("usd", "g_co2e"), "DOUBLE"),
    **dict.fromkeys(("pod", "cpu_model"), "VARCHAR"),
    "cold_start": "BOOLEAN",
}
"""
The columns of ``calls`` with their types: the calls whose joules :class:`greensdk.report.EnergyReport` adds up, each
once and with its part of a meter that several of them read. Those inside them are in ``all_calls``.
"""

INNER = {
    "parent_id": "VARCHAR",
    "depth": "BIGINT",
    "name": "VARCHAR",
    "own_j": "DOUBLE",
    "is_top": "BOOLEAN",
}
"""
The further columns of ``all_calls``: the call around it, in other processes too; how many are around it; its function
or label; its joules without those of the calls inside it, where ``energy_j`` is with them; it is in none of its name.
"""
_COUNTED = ("energy_j", "energy_low_j", "energy_high_j", "cpu_s")
_BESIDE = {**{f"counted_{name}": "DOUBLE" for name in _COUNTED}, "is_counted": "BOOLEAN"}
"""The numbers of ``calls``, which are without those of inner calls that are in it themselves."""

_SUMMED = ", ".join(f"counted_{name} AS {name}" if name in _COUNTED else name for name in CALLS)

VIEWS = {
    "calls": f"SELECT {_SUMMED} FROM greensdk_calls WHERE is_counted",  # noqa: S608 - our own names
    "all_calls": f"SELECT {', '.join([*CALLS, *INNER])} FROM greensdk_calls",  # noqa: S608 - our own names
    "lines": "SELECT json->>'$.record_id' AS record_id, json AS line FROM {objects} WHERE json IS NOT NULL",
    "readings": """
        SELECT record_id, parent_id, function, duration_s, unnest(readings, max_depth := 2) FROM records""",
    "functions": """
        SELECT name AS function, {sums}
        FROM (SELECT *, coalesce(own_j / nullif(energy_j, 0), 1) AS own FROM all_calls) GROUP BY name""",
    "workers": """
        SELECT host_id, backend, pod, cpu_model, count(*) FILTER (cold_start) AS cold_starts, {sums}
        FROM (SELECT *, true AS is_top, energy_j AS own_j, 1 AS own FROM calls) GROUP BY ALL""",
}
"""Name to SQL."""

AMOUNTS = {"duration_s": "duration_s", "started_s": "started_s", "cost.usd": "usd", "carbon.g_co2e": "g_co2e"}
"""Columns of the report, and what they are called here."""

_SUMS = """
    count(*) AS calls, sum(runs)::BIGINT AS runs, count(own_j) AS known, sum(own_j) AS joules,
    CASE WHEN count(energy_low_j) = count(energy_j) THEN sum(energy_low_j * own) END AS low_j,
    CASE WHEN count(energy_high_j) = count(energy_j) THEN sum(energy_high_j * own) END AS high_j,
    sum(duration_s) FILTER (is_top) AS seconds, sum(cpu_s) FILTER (is_top) AS cpu_s,
    sum(energy_j) FILTER (is_top)
        / nullif(sum(runs) FILTER (is_top AND energy_j IS NOT NULL), 0) AS joules_per_run,
    sum(energy_j) FILTER (is_top) AS inclusive_j"""
"""``joules`` and their interval are without those of calls inside, in the same proportion, so that rows add up."""

_OF_CALLS = re.compile(r"\b(calls|all_calls|functions|workers)\b", re.IGNORECASE)
"""What a query is looked for before calls are added up: a word too many costs a reading, no answer."""
_INSERT = f"""
    INSERT INTO greensdk_calls SELECT {", ".join([*CALLS, *INNER, *_BESIDE])} FROM (
        SELECT *, make_timestamp(round(started_s * 1e6)::BIGINT) AS started_at,
            counted_energy_j / nullif(duration_s, 0) AS power_w
        FROM greensdk_rows JOIN greensdk_facts USING (place))"""  # noqa: S608 - our own names

_READABLE = ", ".join(f"'{FORMAT}/{number}'" for number in range(MAJOR + 1))
_LEFT_OUT = "greensdk_left_out"


class Tables:
    """
    A log, open for questions.

    Attributes:
        connection: DuckDB, with the table ``records`` and :data:`VIEWS`.
    """

    def __init__(self, connection: duckdb.DuckDBPyConnection, paths: list[str], tables: Sequence[str] = ()) -> None:
        self.connection = connection
        self._paths = [*paths, *tables]
        self._problems: list[Problem] | None = None
        options = f"[{', '.join(map(literal, paths))}], ignore_errors=true, maximum_object_size={LONGEST_BYTES}"
        types = ", ".join(f"{quoted(name)}: {literal(kind)}" for name, kind in sql_columns().items())
        self._read = f"read_json({options}, format='newline_delimited', columns={{{types}}})" if paths else ""
        # A line that is no record is a row of nulls. Whether there was one is seen on the way, not by another look.
        connection.execute(f"CREATE TEMP SEQUENCE {_LEFT_OUT}")
        is_record = f"CASE WHEN schema IN ({_READABLE}) THEN true ELSE nextval('{_LEFT_OUT}') < 0 END"
        parts = [f"SELECT * FROM {self._read} WHERE {is_record}"] * bool(paths)  # noqa: S608
        objects = [f"SELECT json FROM read_ndjson_objects({options})"] * bool(paths)  # noqa: S608
        if tables:
            parts.append(selected(connection, tables))
            objects.append(
                f"SELECT {LINE}::JSON AS json FROM read_parquet([{', '.join(map(literal, tables))}])"  # noqa: S608
            )
        connection.execute(f"CREATE TEMP VIEW records AS {' UNION ALL '.join(parts)}")
        columns = ", ".join(f"{name} {kind}" for name, kind in {**CALLS, **INNER, **_BESIDE}.items())
        connection.execute(f"CREATE TEMP TABLE greensdk_calls ({columns})")
        for name, sql in VIEWS.items():
            found = sql.format(objects=f"({' UNION ALL '.join(objects)})", sums=_SUMS)
            connection.execute(f"CREATE TEMP VIEW {name} AS {found}")

    def left_out(self) -> int:
        """
        Return how many lines are no records, if any query so far came across one; otherwise 0.
        """
        import duckdb

        try:
            self.connection.execute(f"SELECT currval('{_LEFT_OUT}')")
        except duckdb.Error:  # it was never drawn from
            return len(self._problems or ())
        if not self._read:
            return 0
        found = self.connection.execute(
            f"SELECT count(*) FROM {self._read} WHERE schema IS NULL OR schema NOT IN ({_READABLE})"  # noqa: S608
        ).fetchone()
        return int(found[0]) if found else 0

    def lock(self) -> None:
        """
        Keep queries from whatever is not the log: no other file, no network, no extension, no setting.
        """
        allowed = ", ".join(map(literal, self._paths))
        for setting in (
            f"allowed_paths = [{allowed}]",
            "enable_external_access = false",
            "python_enable_replacements = false",
            "lock_configuration = true",
        ):
            self.connection.execute(f"SET {setting}")

    def ask(self, sql: str) -> duckdb.DuckDBPyConnection:
        """
        Run one query, which can read and do nothing else.

        Raises:
            RecordError: It is not one query, or DuckDB can't run it.
        """
        import duckdb

        try:
            statements = self.connection.extract_statements(sql)
            if len(statements) != 1 or statements[0].type != duckdb.StatementType.SELECT:
                raise RecordError("query: expected one SELECT; nothing else is run")
            if self._problems is None and _OF_CALLS.search(sql):
                self._add_up()
            return self.connection.execute(statements[0])
        except duckdb.Error as error:
            raise RecordError(f"query: {said(error)}") from error

    def _add_up(self) -> None:
        """Fill the table ``calls``, on which the views of sums rest."""
        from greensdk.report.energy import EnergyReport

        self._problems = []
        found = EnergyReport.load(
            self._paths, keys=["worker.cold_start"], details=True, ids=True, skip=self._problems.append
        )
        for name, columns in _columns(found).items():
            self.connection.register(name, columns)
        self.connection.execute(_INSERT)


def _columns(found: EnergyReport) -> dict[str, dict[str, Any]]:
    """Return the columns of the calls that count, and of what they have in common."""
    import numpy as np

    from greensdk.report.energy import NAME
    from greensdk.report.nested import depths
    from greensdk.report.tree import names, topmost

    log, counted, numbers = found.log, found.rows, found.calls.numbers
    rows, facts = counted.once, found.facts(rows=counted.once)
    places, _ = found.named(NAME)
    ids = np.array([log.ids[row] for row in rows.tolist()], object)
    own = ends(log, rows, found.shares.calls_j)
    summed = dict(zip(_COUNTED, (found.shares.calls_j[rows], *own, log.rows["cpu_s"][rows]), strict=True))
    columns = list(zip(*facts.table, strict=True)) or [()] * len(facts.keys)
    values = {key.rpartition(".")[2]: column for key, column in zip(facts.keys, columns, strict=True)}
    texts = {name: _texts(values[name]) for name, kind in CALLS.items() if kind == "VARCHAR" and name in values}
    return {
        "greensdk_rows": {
            "place": facts.places.astype(np.int64),
            "record_id": ids,
            "parent_id": np.where(counted.around >= 0, ids[counted.around], None),
            "depth": depths(counted.around),
            "own_j": numbers.own_j,
            "is_top": topmost(counted.around, places),
            "is_counted": ~counted.is_held,
            "energy_j": numbers.energy_j,
            "energy_low_j": numbers.low_j,
            "energy_high_j": numbers.high_j,
            "cpu_s": numbers.cpu_s,
            **{f"counted_{name}": column for name, column in summed.items()},
            **{name: log.rows[key][rows] for key, name in AMOUNTS.items()},
        },
        "greensdk_facts": {
            "place": np.arange(len(facts.table)),
            "runs": np.array([1 if runs is None else runs for runs in values["runs"]], np.int64),
            "name": _texts(names(facts)),
            "cold_start": np.array([each is True for each in values["cold_start"]], bool),
            **texts,
        },
    }


def _texts(values: Sequence[Any]) -> Any:
    import numpy as np

    return np.array([None if value is None else str(value) for value in values], object)


def said(error: Exception) -> str:
    """
    Return what DuckDB says, without the drawing of where and the advice.
    """
    text, _, _ = str(error).partition("\n\n")
    return " ".join(text.split())


@contextmanager
def tables(sources: Iterable[str | os.PathLike[str]], *, locked: bool = True) -> Iterator[Tables]:
    """
    Open logs for SQL; with `locked`, queries reach nothing but them.

    Plain files are read where they lie; the others are copied to a private file first, which is gone afterwards.

    Raises:
        RecordError: There is no such source.
    """
    import duckdb

    with tempfile.TemporaryDirectory(prefix="greensdk-") as folder:
        every = [name for source in sources for name in files(source)]
        lists = [name for name in every if name.endswith(PARQUET) and not is_uri(name)]
        pieces, copies = opened(name for name in every if name not in set(lists))
        # Several copies are in one file.
        names = [each.path for each in pieces if each.path != copies.path] + [copies.path] * bool(copies.path)
        paths = [_path(name, folder, number) for number, name in enumerate(names)]
        config: dict[str, Any] = {
            "temp_directory": os.path.join(folder, "spill"),
            "autoinstall_known_extensions": "false",
            "allow_persistent_secrets": "false",
        }
        with duckdb.connect(config=config) as connection:
            links = [_path(name, folder, number, PARQUET) for number, name in enumerate(lists)]
            found = Tables(connection, paths, links)
            if locked:
                found.lock()
            yield found


def _path(path: str, folder: str, number: int, suffix: str = ".jsonl") -> str:
    """
    Return a path as DuckDB takes it: it would take some names for patterns.
    """
    if not any(mark in path for mark in "*?[\\"):
        return os.path.abspath(path)
    link = os.path.join(folder, f"{number}{suffix}")
    os.symlink(os.path.abspath(path), link)
    return link


def rows(found: duckdb.DuckDBPyConnection, size: int = 10_000) -> Iterator[tuple[Any, ...]]:
    """
    Yield the rows of a query's answer, some at a time.
    """
    while some := found.fetchmany(size):
        yield from some
