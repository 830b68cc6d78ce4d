"""
The style of the studies' pictures.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#000000", "#f0e442")
"""Distinguishable with colour vision deficiencies: Okabe and Ito, "Color universal design", 2008."""

MARKERS = "osD^vPX*"
STYLE: Any = {
    "font.size": 11,
    "axes.titlesize": 12,
    "axes.titleweight": "bold",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "grid.alpha": 0.3,
    "legend.frameon": False,
    "figure.dpi": 110,
    "savefig.bbox": "tight",
    "svg.hashsalt": "greensdk",
    "svg.fonttype": "path",
}


@contextmanager
def figure(path: Path, rows: int = 1, columns: int = 1, size: tuple[float, float] = (7.2, 4.4)) -> Iterator[Any]:
    """
    Yield a figure's axes, an array of rows x columns, and save it as ``path.svg`` and ``path.png`` afterwards.
    """
    import matplotlib as mpl

    mpl.use("Agg")
    import matplotlib.pyplot as plt

    with mpl.rc_context(STYLE):
        picture, axes = plt.subplots(rows, columns, figsize=size, squeeze=False, layout="constrained")
        try:
            yield axes
            picture.savefig(path.with_suffix(".svg"), metadata={"Date": None})
            picture.savefig(path.with_suffix(".png"))
        finally:
            plt.close(picture)


def style_of(index: int) -> dict[str, str]:
    """
    Return the colour and marker of a series.
    """
    return {"color": COLOURS[index % len(COLOURS)], "marker": MARKERS[index % len(MARKERS)]}
