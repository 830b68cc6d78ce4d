"""
A configuration file, and what was settled of one monitor.
"""

from __future__ import annotations

from pathlib import Path


def write(name: str, text: str) -> Path:
    """
    Write a configuration file, with its folders.
    """
    path = Path(name)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path.resolve()


def source(settled: dict, name: str) -> list:
    """
    Return [name, target, keyword arguments, why] of one monitor.
    """
    return next(row for row in settled["sources"] if row[0] == name)
