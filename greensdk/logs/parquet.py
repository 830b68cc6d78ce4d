"""
Records in Parquet: the columns of ``greensdk query``, and each record's own line, from which it is read back unchanged.
"""

from __future__ import annotations

import io
import json
import os
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, BinaryIO, cast

from greensdk.errors import RecordError
from greensdk.logs.columns import literal, quoted, sql_columns

if TYPE_CHECKING:
    import duckdb

LINE = "line"
AT_ONCE = 2_000
"""Lines that are taken at a time: some megabytes."""
ROW_GROUP = 20_000
PARTITIONS: Mapping[str, str] = {"day": "strftime(started_at, '%Y-%m-%d')", "host": "host.host_id"}
"""What a partition's name stands for; any other is a key of the record."""
UNKNOWN = "unknown"


def connected() -> duckdb.DuckDBPyConnection:
    """
    Return DuckDB, which reaches nothing but the files that it is given.

    Raises:
        RecordError: It is not installed.
    """
    try:
        import duckdb
    except ImportError as error:
        raise RecordError('Parquet needs DuckDB: pip install "greensdk[report]"') from error
    return duckdb.connect(config={"autoinstall_known_extensions": "false", "allow_persistent_secrets": "false"})


def lines_of(path: str) -> BinaryIO:
    """
    Return the lines in a Parquet file.

    Raises:
        RecordError: It is none, or one without them.
    """
    return cast("BinaryIO", io.BufferedReader(_Lines(path), 1 << 20))


class _Lines(io.RawIOBase):
    def __init__(self, path: str) -> None:
        self._rest = b""
        self._connection = connected()
        try:
            found = f"SELECT {LINE} FROM read_parquet([{literal(path)}], hive_partitioning = false)"  # noqa: S608
            self._answer = self._connection.execute(found)
        except Exception as error:
            self._connection.close()
            why = (
                "; expected a file of greensdk compact, with a column line" if "Binder" in type(error).__name__ else ""
            )
            raise RecordError(f"{path}: {' '.join(str(error).partition(chr(10))[0].split())}{why}") from error

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        if not self._rest:
            rows = self._answer.fetchmany(AT_ONCE)
            self._rest = b"".join(f"{line}\n".encode() for (line,) in rows)
        some, self._rest = self._rest[: len(buffer)], self._rest[len(buffer) :]
        buffer[: len(some)] = some
        return len(some)

    def close(self) -> None:
        if not self.closed:
            self._connection.close()
        super().close()


def write(lines: str, folder: str, name: str, keys: tuple[str, ...], old: list[str]) -> int:
    """
    Write the records of a file of JSON lines to Parquet files, one for each value of the keys, and return how many.

    Args:
        lines: The file.
        folder: Where the partitions go: ``KEY=VALUE/KEY=VALUE/NAME-0.parquet``.
        name: How the files' names begin.
        keys: By what they are partitioned.
        old: Parquet files whose records are left out. An interim record stands for no final one.

    Raises:
        RecordError: There is no such key, or a file can't be written.
    """
    import duckdb

    shape = literal(json.dumps(sql_columns()))
    made = [f"coalesce(({_value(key)})::VARCHAR, {literal(UNKNOWN)}) AS {quoted(column(key))}" for key in keys]
    by = f", PARTITION_BY ({', '.join(quoted(column(key)) for key in keys)})" if keys else ""
    where = ""
    if old:
        files = ", ".join(map(literal, old))
        known = f"SELECT record_id, status = 'interim' FROM read_parquet([{files}], hive_partitioning = false)"  # noqa: S608
        where = f"WHERE (record_id, status = 'interim') NOT IN ({known})"
    query = f"""
        COPY (SELECT {", ".join(["*", *made])} FROM (
            SELECT json::VARCHAR AS {LINE}, unnest(from_json(json, {shape}))
            FROM read_ndjson_objects([{literal(lines)}], maximum_object_size = 16777216)
        ) {where}) TO {literal(folder)} (FORMAT parquet, COMPRESSION zstd, ROW_GROUP_SIZE {ROW_GROUP},
            FILENAME_PATTERN '{name}-{{i}}', OVERWRITE_OR_IGNORE true {by})"""  # noqa: S608 - our own names
    if not keys:
        query = query.replace(f"TO {literal(folder)}", f"TO {literal(os.path.join(folder, name + '-0.parquet'))}")
        query = query.replace(f"FILENAME_PATTERN '{name}-{{i}}', OVERWRITE_OR_IGNORE true", "USE_TMP_FILE false")
    with connected() as connection:
        try:
            found = connection.execute(query).fetchone()
        except duckdb.Error as error:
            raise RecordError(f"{folder}: {' '.join(str(error).partition(chr(10))[0].split())}") from error
    return int(found[0]) if found else 0


def selected(connection: duckdb.DuckDBPyConnection, paths: Sequence[str]) -> str:
    """
    Return SQL for the records in Parquet files, with the columns of ``greensdk query``, whichever of these there are.
    """
    files = ", ".join(map(literal, paths))
    source = f"read_parquet([{files}], union_by_name = true, hive_partitioning = false)"
    types = {name: kind for name, kind, *_ in connection.execute(f"DESCRIBE SELECT * FROM {source}").fetchall()}  # noqa: S608
    columns = (
        quoted(name) if types.get(name) == kind else f"CAST({quoted(name) if name in types else 'NULL'} AS {kind})"
        for name, kind in sql_columns().items()
    )
    named = (f"{text} AS {quoted(name)}" for name, text in zip(sql_columns(), columns, strict=True))
    return f"SELECT {', '.join(named)} FROM {source}"  # noqa: S608


def column(key: str) -> str:
    """
    Return the name of a partition's column.

    Example:
        >>> column("worker.backend")
        'worker_backend'
    """
    name = "host_id" if key == "host" else key.replace(".", "_")
    return f"by_{name}" if name in sql_columns() else name


def _value(key: str) -> str:
    if key in PARTITIONS:
        return PARTITIONS[key]
    top, *below = key.split(".")
    if sql_columns().get(top) == "JSON":
        return f"{quoted(top)}->>{literal(''.join(f'/{part}' for part in below))}"
    return ".".join(map(quoted, (top, *below)))
