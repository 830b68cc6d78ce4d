"""
What an object of records is called in a store that can't append: the same records always get the same name.

.. code-block:: text

    <prefix>/<executor_id>/<job_id>/<call_id>-<activation_id>.jsonl        the call's records, nested ones too
    <prefix>/<executor_id>/<job_id>/<call_id>-<activation_id>-1.jsonl      what it recorded later
    <prefix>/<executor_id>/<job_id>/<call_id>-<activation_id>-r<id>.jsonl  a process that the call started
    <prefix>/lambda/<function>/<request id>.jsonl, ...-1.jsonl             an AWS Lambda function without Lithops
    <prefix>/local/<host_id>/<id>.jsonl                                    anywhere else

``<id>`` is the ``record_id`` of the object's first record.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from greensdk.deliver.lifecycle import is_call_process

UNKNOWN = "unknown"


class Keys:
    """
    The keys of what one process writes below one prefix.
    """

    def __init__(self, prefix: str) -> None:
        self._prefix = prefix
        self._base: str | None = None
        self._written = 0

    def next(self, record: Mapping[str, Any], own: bool = True) -> str:
        """
        Return the key of the next object, which begins with `record`.

        Args:
            record: Its first record.
            own: This process has made the record, and not found it in the spool.
        """
        base = base_of(self._prefix, record)
        in_call = own and base is not None and (record["worker"].get("call_id") is None or is_call_process())
        if in_call:
            self._base, self._written = base, self._written + 1 if base == self._base else 0
        return key_of(self._prefix, record, self._written, in_call=in_call)


def key_of(prefix: str, record: Mapping[str, Any], number: int, *, in_call: bool) -> str:
    """
    Return the key of an object that begins with `record`.

    Args:
        prefix: What all keys begin with; may be empty.
        record: Its first record.
        number: How many objects of the same call this process has written before.
        in_call: This process is the worker's own, not one that the call has started.
    """
    base = base_of(prefix, record)
    if base is None:
        host = (record.get("host") or {}).get("host_id") or UNKNOWN
        return _join(prefix, "local", f"{host}", f"{record.get('record_id') or UNKNOWN}.jsonl")
    if not in_call:
        return f"{base}-r{record['record_id']}.jsonl"
    return f"{base}-{number}.jsonl" if number else f"{base}.jsonl"


def base_of(prefix: str, record: Mapping[str, Any]) -> str | None:
    """
    Return what the keys of a record's call begin with; None outside of a worker.
    """
    worker = record.get("worker") or {}
    if worker.get("call_id") is not None:
        folder = folder_of(prefix, worker["executor_id"], worker["job_id"])
        return f"{folder}{worker['call_id']}-{worker['activation_id']}"
    if worker.get("adapter") == "lambda" and worker.get("activation_id"):
        return _join(prefix, "lambda", worker.get("function_name") or UNKNOWN, worker["activation_id"])
    return None


def folder_of(prefix: str, executor_id: str, job_id: str) -> str:
    """
    Return what the keys of all calls of a job begin with.

    Example:
        >>> folder_of("greensdk/v1", "a1b2-0", "M000"), folder_of("", "a1b2-0", "M000")
        ('greensdk/v1/a1b2-0/M000/', 'a1b2-0/M000/')
    """
    return _join(prefix, executor_id, job_id, "")


def _join(prefix: str, *parts: str) -> str:
    return "/".join((prefix, *parts) if prefix else parts)
