"""
A video: cut into pieces of ten seconds, the brightest frame of each sharpened, its edges counted.

The video is made here: a checkered square moves over a dark ground, and once in each piece a flash lights one frame.
"""

from __future__ import annotations

import math
import tempfile
from functools import partial
from pathlib import Path
from typing import Any

from greensdk_workloads.workload import Mapper, Workload

NEEDS = ("numpy", "cv2", "imageio_ffmpeg")
"""What a warm worker has imported already."""

VIDEO_S = 60
PIECE_S = 10
FRAMES_PER_S = 10
WIDTH, HEIGHT = 640, 352
SQUARE = 96
FLASH_AT = 0.37
"""Where in its piece the bright frame is."""

SHARPEN = ((-1, -1, -1), (-1, 9, -1), (-1, -1, -1))
"""Sums to 1, so that even grounds stay as they are."""

LOW, HIGH = 50, 150
"""Canny's thresholds; Canny, "A computational approach to edge detection", 1986."""


def picture(number: int, frames_per_piece: int) -> Any:
    """
    Return frame `number` of the video, shape (352, 640, 3), RGB.
    """
    import numpy as np

    bright = number % frames_per_piece == int(FLASH_AT * frames_per_piece)
    frame = np.full((HEIGHT, WIDTH, 3), 110 if bright else 40, np.uint8)
    left, top = 5 * number % (WIDTH - SQUARE), 3 * number % (HEIGHT - SQUARE)
    rows, columns = np.indices((SQUARE, SQUARE)) // 16
    frame[top : top + SQUARE, left : left + SQUARE] = np.where((rows + columns) % 2, 230, 90)[..., None]
    return frame


def film(seconds: float) -> bytes:
    """
    Return the video as MP4 (H.264), with a key frame every ten seconds, where it can be cut without coding it anew.
    """
    import subprocess

    total = round(seconds * FRAMES_PER_S)
    with tempfile.TemporaryDirectory(prefix="greensdk-video-") as folder:
        path = Path(folder, "film.mp4")
        source = ["-f", "rawvideo", "-pix_fmt", "rgb24", "-s", f"{WIDTH}x{HEIGHT}", "-r", str(FRAMES_PER_S), "-i", "-"]
        cuts = ["-force_key_frames", f"expr:gte(t,n_forced*{PIECE_S})", "-g", str(10**6), "-sc_threshold", "0"]
        coded = ["-c:v", "libx264", "-preset", "veryfast", "-pix_fmt", "yuv420p", *cuts, str(path)]
        with subprocess.Popen(_ffmpeg(*source, *coded), stdin=subprocess.PIPE) as coder:
            assert coder.stdin is not None
            for number in range(total):
                coder.stdin.write(picture(number, PIECE_S * FRAMES_PER_S).tobytes())
        return path.read_bytes()


def _ffmpeg(*arguments: str) -> list[str]:
    import imageio_ffmpeg

    return [imageio_ffmpeg.get_ffmpeg_exe(), "-loglevel", "error", *arguments]


def cut(video: bytes) -> list[bytes]:
    """
    Return the pieces of a video, ten seconds each, the last one what is left.
    """
    import subprocess

    with tempfile.TemporaryDirectory(prefix="greensdk-video-") as folder:
        whole, pieces = Path(folder, "whole.mp4"), Path(folder, "piece-%03d.mp4")
        whole.write_bytes(video)
        how = ["-c", "copy", "-f", "segment", "-segment_time", str(PIECE_S), "-reset_timestamps", "1"]
        subprocess.run(_ffmpeg("-i", str(whole), *how, str(pieces)), check=True, stdin=subprocess.DEVNULL)
        return [path.read_bytes() for path in sorted(Path(folder).glob("piece-*.mp4"))]


def brightest(piece: bytes) -> tuple[int, Any]:
    """
    Return which frame of a piece is the brightest on the average, and the frame, shape (352, 640, 3), RGB.
    """
    import subprocess

    import numpy as np

    size_bytes, best = WIDTH * HEIGHT * 3, (-1.0, -1, b"")
    with tempfile.TemporaryDirectory(prefix="greensdk-video-") as folder:
        path = Path(folder, "piece.mp4")
        path.write_bytes(piece)
        command = _ffmpeg("-i", str(path), "-f", "rawvideo", "-pix_fmt", "rgb24", "-")
        with subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE) as decoder:
            assert decoder.stdout is not None
            for number, frame in enumerate(iter(partial(decoder.stdout.read, size_bytes), b"")):
                mean = float(np.frombuffer(frame, np.uint8).mean())
                if mean > best[0]:
                    best = mean, number, frame
    return best[1], np.frombuffer(best[2], np.uint8).reshape(HEIGHT, WIDTH, 3)


def sharpen(frame: Any) -> Any:
    """
    Return a frame convolved with :data:`SHARPEN`, cut to 0..255; beyond the border it is mirrored.
    """
    import cv2
    import numpy as np

    return cv2.filter2D(frame, -1, np.array(SHARPEN, np.float32))


def edges(frame: Any) -> dict[str, float]:
    """
    Return the part of a frame's pixels that are edges, and its size.
    """
    import cv2

    found = cv2.Canny(cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY), LOW, HIGH)
    height, width = found.shape
    return {"width": width, "height": height, "edge_density": float((found > 0).sum()) / (width * height)}


def seconds_at(scale: float) -> float:
    """
    Return how long the video is.
    """
    return max(2.0, VIDEO_S * scale)


def run(mapper: Mapper, workers: int, scale: float) -> dict[str, list[Any]]:
    """
    Return of each piece which frame was the brightest, and what its edges are.

    There are as many calls as pieces; with more workers than that, some have nothing to do.
    """
    del workers
    video = film(seconds_at(scale))
    pieces = mapper(cut, [(video,)], "split")[0]
    frames = mapper(brightest, [(piece,) for piece in pieces], "frame", ["split"])
    sharpened = mapper(sharpen, [(frame,) for _, frame in frames], "sharpen", ["frame"])
    found = mapper(edges, [(frame,) for frame in sharpened], "edges", ["sharpen"])
    return {"brightest": [number for number, _ in frames], "edges": found}


def check(result: dict[str, list[Any]], scale: float) -> str:
    """
    Return what is wrong: pieces are missing, another frame was taken for the bright one, or there are no edges.
    """
    seconds = seconds_at(scale)
    pieces = math.ceil(round(seconds * FRAMES_PER_S) / (PIECE_S * FRAMES_PER_S))
    if pieces != len(result["edges"]):
        return f"{len(result['edges'])} pieces instead of {pieces}"
    flash = int(FLASH_AT * PIECE_S * FRAMES_PER_S)
    wrong = [number for number in result["brightest"][:-1] if number != flash]
    if wrong:
        return f"frame {wrong[0]} was taken for the brightest, {flash} is"
    # The square's 36 fields have edges of 16 pixels: some 1,200 of 225,280 pixels, more with the film's grain.
    low = min(each["edge_density"] for each in result["edges"])
    return "" if 0.002 < low < 0.2 else f"an edge density of {low}"


VIDEO = Workload(
    "video",
    "Cut, decode, sharpen and look at a video: memory and I/O",
    "second of video",
    seconds_at,
    run,
    check,
    ("cv2", "imageio_ffmpeg", "numpy"),
)
