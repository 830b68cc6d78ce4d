"""
Bytecode beside the sources that Lithops sends.

Lithops' module manager sends ``*.py`` and unpacks them into a new folder for each job. So a job's first call in each
sandbox would compile greensdk, which takes more CPU time than everything else that it does there. An "unchecked"
hash-based pyc (PEP 552, https://peps.python.org/pep-0552/) is used without comparing it with its source by the same
minor version of Python, which Lithops requires, and ignored by any other.
"""

from __future__ import annotations

import importlib.util
import marshal
import os
import sys
from base64 import b64encode
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from functools import cache, wraps
from importlib.machinery import SourceFileLoader
from typing import Any

FOLDERS = (
    "greensdk",
    "greensdk/configure",
    "greensdk/deliver",
    "greensdk/machine",
    "greensdk/measure",
    "greensdk/sample",
    "greensdk/schema",
    "greensdk_aws_lambda",
    "greensdk_carbon",
    "greensdk_carbon/data",
    "greensdk_cost",
    "greensdk_cost/data",
    "greensdk_lambda_estimator",
    "greensdk_lithops",
    "greensdk_lithops/aws_lambda",
    "greensdk_psutil_tdp",
    "greensdk_psutil_tdp/data",
)
"""Folders of the modules that a call in a Lambda imports: no machine's meter can be read there."""

UNCHECKED = b"\x01\x00\x00\x00"
_MARK = "__greensdk_compiled__"


def send_compiled() -> None:
    """
    Make Lithops send bytecode with greensdk's modules, in all further jobs of this process.

    Does nothing if this Lithops packs modules differently from 3.4 to 3.8.
    """
    from lithops.job import job

    pack = getattr(job, "create_module_data", None)
    if pack is not None and not hasattr(pack, _MARK):
        job.create_module_data = _compiling(pack)


def _compiling(pack: Callable[..., dict[str, str]]) -> Callable[..., dict[str, str]]:
    @wraps(pack)
    def create_module_data(paths: Iterable[str], *args: Any, **kwargs: Any) -> dict[str, str]:
        modules = list(paths)
        return {**pack(modules, *args, **kwargs), **compiled(modules)}

    setattr(create_module_data, _MARK, True)
    return create_module_data


def compiled(paths: Iterable[str]) -> dict[str, str]:
    """
    Return the bytecode of modules of the packages at `paths` that are in `FOLDERS`, in Lithops' format for files.
    """
    roots = {os.path.basename(path): os.path.dirname(path) for path in paths}
    data: dict[str, str] = {}
    for folder in FOLDERS:
        package = folder.partition("/")[0]
        if package in roots and os.path.isdir(os.path.join(roots[package], folder)):
            data |= dict(_entries(roots[package], folder))
    return data


def _entries(root: str, folder: str) -> Iterator[tuple[str, str]]:
    for file in sorted(os.listdir(os.path.join(root, folder))):
        stem, extension = os.path.splitext(file)
        path = os.path.join(root, folder, file)
        if extension == ".py":
            with suppress(OSError, SyntaxError):  # the source is sent, and reports its error
                packed = bytecode(path, os.stat(path).st_mtime_ns)
                yield f"{folder}/__pycache__/{stem}.{sys.implementation.cache_tag}.pyc", packed


@cache
def bytecode(path: str, _modified_ns: int) -> str:
    """
    Return a module's pyc in base 64.
    """
    loader = SourceFileLoader("module", path)
    code = loader.get_code("module")
    head = importlib.util.MAGIC_NUMBER + UNCHECKED + importlib.util.source_hash(loader.get_data(path))
    return b64encode(head + marshal.dumps(code)).decode()
