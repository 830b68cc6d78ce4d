"""
What sampling tells of a process tree and of each meter's power; a worker that samples needs it, and no more of the
schema.
"""

# name: (unit, what it is)
SAMPLED: dict[str, tuple[str, str]] = {
    "cpu_percent": ("%", "CPU of the process tree; 100 is one busy CPU, several busy CPUs make more."),
    "rss_bytes": ("B", "Resident memory of the process tree; shared pages count once for each process."),
    "io_read_bytes_per_s": ("B/s", "Bytes per second that the process tree had the block devices read."),
    "io_write_bytes_per_s": ("B/s", "Bytes per second that the process tree had the block devices write."),
}
"""What a sample holds of the process tree."""

# name: what it is
STATISTICS: dict[str, str] = {
    "n": "Samples that have a number.",
    "min": "The lowest.",
    "mean": "The mean over time: each counts for the time that it spans.",
    "max": "The highest.",
    "p95": "The lowest number that 95% of the samples do not exceed.",
}
"""What a record holds of each of these, and of each meter's power."""
