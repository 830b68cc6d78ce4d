"""
Imports greensdk's modules from what the client has put into Lithops' storage; see :mod:`greensdk_lithops.bundle`.

This module is executed before greensdk can be imported.
"""

from __future__ import annotations

import marshal
import os
import sys
import zlib
from contextlib import suppress
from importlib.machinery import ModuleSpec
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping
    from types import ModuleType

MISSING = (
    "{} is not among the modules of greensdk that workers get sent: install greensdk in the runtime, "
    'or send all of it with include_modules=["{}"]'
)


class Bundled:
    """
    Finder and loader in one, the last that is asked: an installed greensdk wins.

    Args:
        modules: Name to (is a package, marshalled code).
        digest: Of the bundle.
    """

    def __init__(self, modules: Mapping[str, tuple[bool, bytes]], digest: str) -> None:
        self.modules = modules
        self.digest = digest

    @property
    def packed(self) -> bytes:
        """
        The bundle again, for the workers of an executor that is created in this one.
        """
        return zlib.compress(marshal.dumps(dict(self.modules)))

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> ModuleSpec | None:  # noqa: ARG002
        """
        Return how to load a module; None for one that isn't greensdk's.

        Raises:
            ModuleNotFoundError: It was not sent; the message says what to do.
        """
        found = self.modules.get(name)
        if found is not None:
            return ModuleSpec(name, self, origin="greensdk", is_package=found[0])  # type: ignore[arg-type]
        top = name.partition(".")[0]
        if top in self.modules:
            raise ModuleNotFoundError(MISSING.format(name, top), name=name)
        return None

    def create_module(self, spec: ModuleSpec) -> None:
        """
        Leave that to Python.
        """

    def exec_module(self, module: ModuleType) -> None:
        """
        Run a module's code.
        """
        exec(marshal.loads(self.modules[module.__name__][1]), module.__dict__)  # noqa: S102, S302


def keep(path: str, raw: bytes) -> None:
    """
    Store the bundle for this worker's next calls; without room or permission each call gets it from storage again.

    Args:
        path: In a folder that is the user's alone. Several processes may do this at once.
        raw: The modules.
    """
    half = f"{path}.{os.getpid()}"
    with suppress(OSError):
        try:
            with open(half, "wb") as file:
                file.write(raw)
            os.replace(half, path)
        except OSError:
            os.unlink(half)


def install(modules: Mapping[str, tuple[bool, bytes]], digest: str) -> None:
    """
    Make the modules importable in this process.
    """
    sys.meta_path.append(Bundled(modules, digest))
