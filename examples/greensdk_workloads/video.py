"""
A video: split into ten-second segments; the brightest frame of each is sharpened and its edges are counted.

The video is synthetic: a checkered square moves over a dark background, and a flash lights one frame of each segment.
"""

from __future__ import annotations

import math
import tempfile
from functools import partial
from pathlib import Path
from typing import Any

from greensdk_workloads.workload import Mapper, Workload

NEEDS = ("numpy", "cv2", "imageio_ffmpeg")
"""Libraries that a warm worker has already imported."""

VIDEO_S = 60
SEGMENT_S = 10
FRAMES_PER_S = 10
WIDTH, HEIGHT = 640, 352
SQUARE = 96
FLASH_AT = 0.37
"""Position of the bright frame in its segment, from 0 to 1."""

SHARPEN = ((-1, -1, -1), (-1, 9, -1), (-1, -1, -1))
"""Sums to 1, so that uniform areas stay unchanged."""

LOW, HIGH = 50, 150
"""Canny's thresholds; Canny, "A computational approach to edge detection", 1986."""


def draw(number: int, frames_per_segment: int) -> Any:
    """
    Return frame `number` of the video, shape (352, 640, 3), RGB.
    """
    import numpy as np

    bright = number % frames_per_segment == int(FLASH_AT * frames_per_segment)
    frame = np.full((HEIGHT, WIDTH, 3), 110 if bright else 40, np.uint8)
    left, top = 5 * number % (WIDTH - SQUARE), 3 * number % (HEIGHT - SQUARE)
    rows, columns = np.indices((SQUARE, SQUARE)) // 16
    frame[top : top + SQUARE, left : left + SQUARE] = np.where((rows + columns) % 2, 230, 90)[..., None]
    return frame


def encode(seconds: float) -> bytes:
    """
    Return the video as MP4 (H.264), with a key frame every ten seconds, where it can be cut without re-encoding.
    """
    import subprocess

    total = round(seconds * FRAMES_PER_S)
    with tempfile.TemporaryDirectory(prefix="greensdk-video-") as folder:
        path = Path(folder, "video.mp4")
        source = ["-f", "rawvideo", "-pix_fmt", "rgb24", "-s", f"{WIDTH}x{HEIGHT}", "-r", str(FRAMES_PER_S), "-i", "-"]
        cuts = ["-force_key_frames", f"expr:gte(t,n_forced*{SEGMENT_S})", "-g", str(10**6), "-sc_threshold", "0"]
        coded = ["-c:v", "libx264", "-preset", "veryfast", "-pix_fmt", "yuv420p", *cuts, str(path)]
        with subprocess.Popen(_ffmpeg(*source, *coded), stdin=subprocess.PIPE) as coder:
            assert coder.stdin is not None
            for number in range(total):
                coder.stdin.write(draw(number, SEGMENT_S * FRAMES_PER_S).tobytes())
        return path.read_bytes()


def _ffmpeg(*arguments: str) -> list[str]:
    import imageio_ffmpeg

    return [imageio_ffmpeg.get_ffmpeg_exe(), "-loglevel", "error", *arguments]


def cut(video: bytes) -> list[bytes]:
    """
    Return the segments of a video, ten seconds each; the last one may be shorter.
    """
    import subprocess

    with tempfile.TemporaryDirectory(prefix="greensdk-video-") as folder:
        whole, segments = Path(folder, "whole.mp4"), Path(folder, "segment-%03d.mp4")
        whole.write_bytes(video)
        how = ["-c", "copy", "-f", "segment", "-segment_time", str(SEGMENT_S), "-reset_timestamps", "1"]
        subprocess.run(_ffmpeg("-i", str(whole), *how, str(segments)), check=True, stdin=subprocess.DEVNULL)
        return [path.read_bytes() for path in sorted(Path(folder).glob("segment-*.mp4"))]


def brightest(segment: bytes) -> tuple[int, Any]:
    """
    Return the number of a segment's brightest frame on average, and the frame, shape (352, 640, 3), RGB.
    """
    import subprocess

    import numpy as np

    size_bytes, best = WIDTH * HEIGHT * 3, (-1.0, -1, b"")
    with tempfile.TemporaryDirectory(prefix="greensdk-video-") as folder:
        path = Path(folder, "segment.mp4")
        path.write_bytes(segment)
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
    Return a frame convolved with :data:`SHARPEN`, clipped to 0..255, with mirrored borders.
    """
    import cv2
    import numpy as np

    return cv2.filter2D(frame, -1, np.array(SHARPEN, np.float32))


def edges(frame: Any) -> dict[str, float]:
    """
    Return a frame's size and the fraction of its pixels that are edges.
    """
    import cv2

    edge_map = cv2.Canny(cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY), LOW, HIGH)
    height, width = edge_map.shape
    return {"width": width, "height": height, "edge_density": float((edge_map > 0).sum()) / (width * height)}


def seconds_at(scale: float) -> float:
    """
    Return the seconds of video at a scale.
    """
    return max(2.0, VIDEO_S * scale)


def run(mapper: Mapper, workers: int, scale: float) -> dict[str, list[Any]]:
    """
    Return the brightest frame's number and edges for each segment.

    There is one call per segment, whatever the number of workers.
    """
    del workers
    video = encode(seconds_at(scale))
    segments = mapper(cut, [(video,)], "split")[0]
    frames = mapper(brightest, [(segment,) for segment in segments], "frame", ["split"])
    sharpened = mapper(sharpen, [(frame,) for _, frame in frames], "sharpen", ["frame"])
    counted = mapper(edges, [(frame,) for frame in sharpened], "edges", ["sharpen"])
    return {"brightest": [number for number, _ in frames], "edges": counted}


def check(result: dict[str, list[Any]], scale: float) -> str:
    """
    Return the error: missing segments, a wrong brightest frame, or an implausible number of edges.
    """
    seconds = seconds_at(scale)
    segments = math.ceil(round(seconds * FRAMES_PER_S) / (SEGMENT_S * FRAMES_PER_S))
    if segments != len(result["edges"]):
        return f"{len(result['edges'])} segments instead of {segments}"
    flash = int(FLASH_AT * SEGMENT_S * FRAMES_PER_S)
    wrong = [number for number in result["brightest"][:-1] if number != flash]
    if wrong:
        return f"frame {wrong[0]} instead of {flash} is the brightest"
    # The square's 36 fields have edges of 16 pixels: about 1,200 of 225,280 pixels, more with compression artefacts.
    low = min(each["edge_density"] for each in result["edges"])
    return "" if 0.002 < low < 0.2 else f"an edge density of {low}"


VIDEO = Workload(
    "video",
    "Split, decode and sharpen a video, and detect edges: memory and I/O",
    "video second",
    seconds_at,
    run,
    check,
    ("cv2", "imageio_ffmpeg", "numpy"),
)
