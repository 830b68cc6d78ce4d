"""
The ends of the scale: waiting, whole numbers, floating point, memory.
"""

from __future__ import annotations

import time
from math import isclose, isqrt

from greensdk_workloads.workload import Mapper, Workload, spans, split

SLEEP_S = 4.0
PRIMES_BELOW = 6_250_000
"""The largest prime below is 6,249,989; below 2,500 it is 2,477."""

TERMS = 50_000_000
MEMORY_BYTES = 1_000_000_000
PAGE_BYTES = 4096


def wait(seconds: float) -> float:
    """
    Sleep, and return for how long.
    """
    began_s = time.monotonic()
    time.sleep(seconds)
    return time.monotonic() - began_s


def primes(first: int, behind: int) -> tuple[int, int]:
    """
    Return how many primes there are from `first` up to `behind`, and the largest (0: none), by trial division.
    """
    found = [number for number in range(max(2, first), behind) if _is_prime(number)]
    return len(found), found[-1] if found else 0


def _is_prime(number: int) -> bool:
    return number < 4 or (number % 2 > 0 and all(number % divisor for divisor in range(3, isqrt(number) + 1, 2)))


def leibniz(first: int, behind: int) -> float:
    """
    Return the terms from `first` up to `behind` of pi = 4 - 4/3 + 4/5 - ...
    """
    total = 0.0
    for term in range(first, behind):
        total += (4.0 if term % 2 == 0 else -4.0) / (2 * term + 1)
    return total


def touch(size_bytes: int, seed: int) -> int:
    """
    Fill so much memory, walk through it with steps of a page three times, and return how many pages were as filled.
    """
    memory = bytearray([seed % 255 + 1]) * size_bytes
    value, right = memory[0] if memory else 0, 0
    for turn in range(3):
        for place in range(turn * 64, size_bytes, PAGE_BYTES):
            right += memory[place] == value
    return right


def sleep_at(scale: float) -> float:
    """
    Return how many seconds are slept in all.
    """
    return SLEEP_S * scale


def run_sleep(mapper: Mapper, workers: int, scale: float) -> list[float]:
    """
    Return how long each worker slept.
    """
    return mapper(wait, [(sleep_at(scale) / workers,)] * workers, "wait")


def check_sleep(result: list[float], scale: float) -> str:
    """
    Return what is wrong: somebody woke too early.
    """
    return "" if sum(result) >= sleep_at(scale) * 0.999 else f"slept {sum(result):.3f} s instead of {sleep_at(scale)}"


def limit_at(scale: float) -> int:
    """
    Return below which number the primes are looked for.
    """
    return max(2_500, round(PRIMES_BELOW * scale))


def run_prime(mapper: Mapper, workers: int, scale: float) -> tuple[int, int]:
    """
    Return how many primes there are, and the largest.
    """
    counts, largest = zip(*mapper(primes, spans(limit_at(scale), workers), "primes"), strict=True)
    return sum(counts), max(largest)


def check_prime(result: tuple[int, int], scale: float) -> str:
    """
    Return what is wrong: another number of primes, or another largest one, than the sieve of Eratosthenes finds.
    """
    limit = limit_at(scale)
    sieve = bytearray([1]) * limit
    sieve[:2] = bytes(2)
    for number in range(2, isqrt(limit) + 1):
        if sieve[number]:
            sieve[number * number :: number] = bytes(len(range(number * number, limit, number)))
    expected = sieve.count(1), sieve.rindex(1)
    return "" if expected == tuple(result) else f"{result} instead of {expected}"


def terms_at(scale: float) -> int:
    """
    Return how many terms are added.
    """
    return max(100, round(TERMS * scale))


def run_costly(mapper: Mapper, workers: int, scale: float) -> float:
    """
    Return pi as the series has it after so many terms.
    """
    return float(sum(mapper(leibniz, spans(terms_at(scale), workers), "add")))


def check_costly(result: float, scale: float) -> str:
    """
    Return what is wrong: an alternating series is off by less than the next term.
    """
    return "" if isclose(result, 3.141592653589793, abs_tol=4.0 / (2 * terms_at(scale) + 1)) else f"pi = {result}"


def bytes_at(scale: float) -> int:
    """
    Return how much memory is filled by all workers together.
    """
    return max(PAGE_BYTES, round(MEMORY_BYTES * scale))


def run_memory(mapper: Mapper, workers: int, scale: float) -> int:
    """
    Return how many looks found what had been written.
    """
    return sum(mapper(touch, [(size, seed) for seed, size in enumerate(split(bytes_at(scale), workers))], "touch"))


def check_memory(result: int, scale: float) -> str:
    """
    Return what is wrong: fewer looks than there are pages in three walks.
    """
    least = 3 * (bytes_at(scale) // PAGE_BYTES) - 3
    return "" if result >= least else f"{result} looks instead of {least} or more"


SLEEP = Workload("sleep", "Waiting: no work at all", "second", sleep_at, run_sleep, check_sleep)
PRIME = Workload("prime", "Primes by trial division: whole numbers", "number", limit_at, run_prime, check_prime)
COSTLY = Workload("costly", "Leibniz' series: floating point", "term", terms_at, run_costly, check_costly)
MEMORY = Workload(
    "memory", "Walks through memory: the bus rather than the core", "byte", bytes_at, run_memory, check_memory
)
