"""
What is installed in Lambda's Python runtime and in Lithops' layer, taken from this interpreter's packages.

Seen in place, nothing is copied or downloaded. Not as in Lambda: the packages are of the versions that are installed
here, and their compiled files (``__pycache__``) are there.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import cache
from importlib import metadata
from pathlib import Path

RUNTIME = ("awslambdaric", "boto3", "six")
"""
https://docs.aws.amazon.com/lambda/latest/dg/lambda-python.html#python-sdk-included. Lithops counts on six, which comes
with python-dateutil 2, and so with the SDK.
"""


@cache
def mounts() -> dict[str, Path]:
    """
    Return path in the sandbox to path here of everything: /var/runtime is Lambda's, /opt/python is the layer's.
    """
    from lithops.serverless.backends.aws_lambda.config import DEFAULT_REQUIREMENTS

    found: dict[str, Path] = {}
    for root, names in (("/var/runtime", RUNTIME), ("/opt/python", DEFAULT_REQUIREMENTS)):
        for distribution in _closure(names):
            found |= {f"{root}/{path.name}": path for path in _tops(distribution)}
    return found


def _closure(requirements: Iterable[str]) -> list[metadata.Distribution]:
    """
    Return the distributions of these requirements with all that they require in turn.
    """
    found: dict[str, metadata.Distribution] = {}
    waiting = [_name(requirement) for requirement in requirements]
    while waiting:
        name = waiting.pop()
        if name not in found:
            found[name] = metadata.distribution(name)
            own = found[name].requires or ()
            waiting += [_name(each) for each in own if "extra ==" not in each and _is_installed(_name(each))]
    return list(found.values())


def _name(requirement: str) -> str:
    match = re.match(r"[A-Za-z0-9._-]+", requirement.strip())
    assert match, requirement
    return match[0].lower().replace("_", "-")


def _is_installed(name: str) -> bool:
    try:
        metadata.distribution(name)
    except metadata.PackageNotFoundError:
        return False  # for another platform or Python
    return True


def _tops(distribution: metadata.Distribution) -> set[Path]:
    """
    Return the folders and modules of a distribution that lie directly in site-packages.
    """
    site = Path(str(distribution.locate_file("")))
    names = {file.parts[0] for file in distribution.files or ()}
    return {site / name for name in names if name not in {"..", "__pycache__"} and (site / name).exists()}
