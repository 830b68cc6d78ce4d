"""
The Mandelbrot set: steps until each pixel's z -> z * z + c leaves the circle of radius 2, in tiles of rows.

Rows through the middle take far longer than those at the edges, so tiles of equal size are unequal work.
"""

from __future__ import annotations

from math import sqrt

from greensdk_workloads.workload import Mapper, Workload, spans

LEFT, BOTTOM, SIDE = -2.0, -1.25, 2.5
"""The window: real parts from -2 to 0.5, imaginary ones from -1.25 to 1.25; the whole set lies inside."""

PIXELS = 1_000_000
LIMIT = 200
AREA = 1.5065918849
"""Area of the set, by counting pixels: T. Förstemann, 2012, in https://mrob.com/pub/muency/pixelcounting.html."""


def tile(start: int, stop: int, side: int, limit: int = LIMIT) -> list[bytes]:
    """
    Return the steps to escape of each pixel of an image of `side` x `side` pixels, for the rows from `start` to before
    `stop`; `limit` (at most 255) for pixels that don't escape.
    """
    return [bytes(_steps(column, row, side, limit) for column in range(side)) for row in range(start, stop)]


def _steps(column: int, row: int, side: int, limit: int) -> int:
    x0 = LEFT + SIDE * (column + 0.5) / side
    y0 = BOTTOM + SIDE * (row + 0.5) / side
    x = y = xx = yy = 0.0
    for step in range(limit):
        y = 2.0 * x * y + y0
        x = xx - yy + x0
        xx, yy = x * x, y * y
        if xx + yy > 4.0:
            return step
    return limit


def side_at(scale: float) -> int:
    """
    Return the side of the image in pixels.
    """
    return max(16, round(sqrt(PIXELS * scale)))


def run(mapper: Mapper, workers: int, scale: float) -> list[bytes]:
    """
    Return the image, row by row.
    """
    side = side_at(scale)
    tiles = mapper(tile, [(start, stop, side) for start, stop in spans(side, workers)], "tile")
    return [row for rows in tiles for row in rows]


def check(result: list[bytes], scale: float) -> str:
    """
    Return the error: missing rows, an image that is not symmetric, or a wrong area.
    """
    side = side_at(scale)
    if [side] * side != [len(row) for row in result]:
        return f"not {side} rows of {side} pixels"
    # z and its conjugate escape together, except for rounding at the edge of the set.
    pairs = zip(b"".join(result), b"".join(reversed(result)), strict=True)
    different = sum(a != b for a, b in pairs)
    if different > side * side // 1000:
        return f"{different} pixels differ from their mirror images"
    inside = sum(row.count(LIMIT) for row in result)
    area = inside * (SIDE / side) ** 2
    # What has not escaped after 200 steps is 2 to 3% more than the set; an edge pixel is in or out as a whole.
    return "" if abs(area / AREA - 1) < 0.04 + 2 / side else f"the set's area is {area:.3f}"


MANDELBROT = Workload(
    "mandelbrot", "Mandelbrot set: arithmetic in unequal tiles", "pixel", lambda scale: side_at(scale) ** 2, run, check
)
