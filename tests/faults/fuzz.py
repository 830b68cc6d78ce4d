"""
Fuzz one reader with coverage, by hand: ``pip install atheris``, then

    PYTHONPATH=tests/kit:tests/logs python tests/faults/fuzz.py NAME [-runs=N] [libFuzzer's options]

NAME is a row of READERS in tests/kit/readers_kit.py. It ends at the first exception that is no GreensdkError and leaves
the bytes in a file ``crash-*``: put them into ``BITS`` of test_fuzz.py.
"""

from __future__ import annotations

import sys
from pathlib import Path
from tempfile import TemporaryDirectory

import atheris

with atheris.instrument_imports(include=["greensdk"]):
    from readers_kit import READERS, feed


def main() -> None:
    """
    Fuzz what the command line names.
    """
    name = sys.argv.pop(1)
    if name not in READERS:
        sys.exit(f"{name}: expected one of {', '.join(READERS)}")
    with TemporaryDirectory() as folder:
        atheris.Setup(sys.argv, lambda held: feed(name, held, Path(folder)))
        atheris.Fuzz()


if __name__ == "__main__":
    main()
