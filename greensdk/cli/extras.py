"""
Optional libraries, and the command that installs a missing one.
"""

from __future__ import annotations

from importlib.util import find_spec

from greensdk.errors import GreensdkError

EXTRAS = {
    "lithops": "lithops",
    "boto3": "s3",
    "duckdb": "report",
    "matplotlib": "report",
    "prometheus_client": "prometheus",
    "opentelemetry": "otel",
    "msgspec": "report",
    "numpy": "report",
    "scipy": "advisor",
    "kubernetes": "k8s",
    "yaml": "k8s",
    "sklearn": "workloads",
    "lightgbm": "workloads",
    "cv2": "workloads",
    "imageio_ffmpeg": "workloads",
}
"""Library to the extra that brings it."""


def missing(library: str) -> str:
    """
    Return the command that installs `library`; empty if it is installed.
    """
    try:
        is_installed = find_spec(library) is not None
    except ImportError:  # an import hook may raise instead of finding nothing
        is_installed = False
    return "" if is_installed else f'pip install "greensdk[{EXTRAS[library]}]"'


def need(library: str, what: str) -> None:
    """
    Check that a library is installed.

    Raises:
        GreensdkError: `library`, which `what` needs, is missing.
    """
    if command := missing(library):
        raise GreensdkError(f"{what} needs {library}, which is not installed: {command}")
