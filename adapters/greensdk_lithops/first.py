"""
What a worker does first: it gets ready to import greensdk.

A function that an executor has prepared carries a call of :func:`begin`, pickled before the function itself, so it runs
in the process that Lithops has forked for the call, before any other code of greensdk. The functions of this module
are pickled by value, for the runtime may have no greensdk or another version, and so use the standard library only.
"""

from __future__ import annotations

import contextlib
import gc
import importlib.util
import marshal
import os
import sys
import tempfile
import zlib
from functools import partial
from importlib.machinery import PathFinder, SourceFileLoader
from types import SimpleNamespace
from typing import Any

MISSING_KEY = "worker_func_energy_missing"
"""The key of ``future.stats`` that says why a worker could not load greensdk."""

TRIES = 3
"""How often a bundle is asked for: a function whose module imports greensdk can't run without."""

LOADER = "greensdk_lithops.bundled"
"""The module of a bundle that makes all of them importable."""


def begin(key: str | None, magic: bytes) -> None:
    """
    Make greensdk importable, and keep garbage collection from what the process has inherited: it copies those pages.

    Args:
        key: Of a bundle in Lithops' storage; None if the runtime has greensdk, or nothing may be sent.
        magic: The client's version of bytecode.
    """
    runner = job_runner()
    if runner is None:
        return  # unpickled elsewhere
    gc.freeze()
    try:
        if key is None:
            compile_once()
        elif magic != importlib.util.MAGIC_NUMBER:
            raise ImportError("the client's bytecode is of another version of Python")
        else:
            load_bundle(key, runner.internal_storage.storage)
    except Exception as error:
        runner.stats.write(MISSING_KEY, " ".join(f"{type(error).__name__}: {error}".split()))


def job_runner() -> Any:
    """
    Return Lithops' job runner, which is unpickling the function; None elsewhere.
    """
    frame: Any = sys._getframe(2)
    while frame is not None and not hasattr(frame.f_locals.get("self"), "jobrunner_conn"):
        frame = frame.f_back
    return frame and frame.f_locals["self"]


def own_folder() -> str | None:
    """
    Return a folder in the temp directory that is the user's alone; None if there can't be one.
    """
    try:
        folder = os.path.join(tempfile.gettempdir(), f"greensdk-code-{os.getuid()}")
        if not os.path.lexists(folder):
            os.mkdir(folder, 0o700)
        status = os.lstat(folder)
    except (OSError, AttributeError):
        return None
    return folder if status.st_uid == os.getuid() and not status.st_mode & 0o077 else None  # a link has all bits


def load_bundle(key: str, storage: Any) -> None:
    """
    Make a bundle's modules importable: from the own folder, or from storage for this worker's first call.
    """
    digest, folder = key.rpartition("/")[2], own_folder()
    if any(getattr(finder, "digest", None) == digest for finder in sys.meta_path):
        return
    path, new, modules = os.path.join(folder or "", digest), b"", None
    try:
        if folder:
            with open(path, "rb") as file:
                modules = marshal.loads(file.read())  # noqa: S302 - a folder of the user's own
    except (OSError, EOFError, ValueError, TypeError):
        pass
    if modules is None:
        new = zlib.decompress(fetched(key, storage))
        modules = marshal.loads(new)  # noqa: S302 - as trusted as the function, which lies beside it
    loader: dict[str, Any] = {"__name__": LOADER}
    exec(marshal.loads(modules[LOADER][1]), loader)  # noqa: S102, S302
    loader["install"](modules, digest)
    if folder and new:
        loader["keep"](path, new)


def fetched(key: str, storage: Any) -> Any:
    """
    Return an object; storages don't ask again by themselves when an answer breaks off.

    Not through connections that this process has inherited: its parent reports the call's start through them just now.
    """
    client = storage.get_client()
    if type(client).__module__.partition(".")[0] in ("botocore", "ibm_botocore"):
        client.close()  # this process's copies only; the next request opens its own
    elif storage.backend != "localhost":
        from lithops.storage import Storage

        storage = Storage()
    for _ in range(TRIES - 1):
        with contextlib.suppress(Exception):
            return storage.get_object(storage.bucket, key)
    return storage.get_object(storage.bucket, key)


def compile_once() -> None:
    """
    Keep the bytecode of greensdk in the own folder, if it has none and none can be written beside its sources.
    """
    spec = importlib.util.find_spec("greensdk")
    if spec is None or spec.cached is None or "greensdk.calls" in sys.modules or os.path.exists(spec.cached):
        return
    folder = own_folder()
    if folder and (sys.dont_write_bytecode or not os.access(os.path.dirname(spec.cached), os.W_OK)):
        prefix = os.path.join(folder, "bytecode")
        sys.meta_path.insert(0, SimpleNamespace(find_spec=partial(find_compiled, prefix)))


def find_compiled(prefix: str, name: str, path: Any = None, target: Any = None) -> Any:  # noqa: ARG001
    """
    Find a module of greensdk as Python does, with a loader that uses bytecode below a prefix.
    """
    spec = PathFinder.find_spec(name, path) if name.startswith("greensdk") else None
    if spec is not None and isinstance(spec.loader, SourceFileLoader):
        spec.loader.get_code = partial(code_below, prefix, spec.loader.get_code)  # type: ignore[method-assign]
    return spec


def code_below(prefix: str, get_code: Any, name: str) -> Any:
    """
    Return a module's code; only meanwhile does Python look for bytecode there, and write it.
    """
    before = sys.pycache_prefix, sys.dont_write_bytecode
    sys.pycache_prefix, sys.dont_write_bytecode = prefix, False
    try:
        return get_code(name)
    finally:
        sys.pycache_prefix, sys.dont_write_bytecode = before
