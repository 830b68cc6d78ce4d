"""
Single-resource workloads: waiting, integers, floating point, memory.
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
    Sleep, and return the elapsed seconds.
    """
    start_s = time.monotonic()
    time.sleep(seconds)
    return time.monotonic() - start_s


def primes(start: int, stop: int) -> tuple[int, int]:
    """
    Return the number of primes from `start` to before `stop` and the largest (0 if none), by trial division.
    """
    numbers = [number for number in range(max(2, start), stop) if _is_prime(number)]
    return len(numbers), numbers[-1] if numbers else 0


def _is_prime(number: int) -> bool:
    return number < 4 or (number % 2 > 0 and all(number % divisor for divisor in range(3, isqrt(number) + 1, 2)))


def leibniz(start: int, stop: int) -> float:
    """
    Return the sum of the terms from `start` to before `stop` of pi = 4 - 4/3 + 4/5 - ...
    """
    total = 0.0
    for term in range(start, stop):
        total += (4.0 if term % 2 == 0 else -4.0) / (2 * term + 1)
    return total


def touch(size_bytes: int, seed: int) -> int:
    """
    Fill memory, read one byte of each page in three passes, and return how many reads gave the byte written.
    """
    memory = bytearray([seed % 255 + 1]) * size_bytes
    value, correct = memory[0] if memory else 0, 0
    for sweep in range(3):
        for offset in range(sweep * 64, size_bytes, PAGE_BYTES):
            correct += memory[offset] == value
    return correct


def sleep_at(scale: float) -> float:
    """
    Return the total seconds to sleep at a scale.
    """
    return SLEEP_S * scale


def run_sleep(mapper: Mapper, workers: int, scale: float) -> list[float]:
    """
    Return the seconds that each worker slept.
    """
    return mapper(wait, [(sleep_at(scale) / workers,)] * workers, "wait")


def check_sleep(result: list[float], scale: float) -> str:
    """
    Return the error: a sleep that was too short.
    """
    return "" if sum(result) >= sleep_at(scale) * 0.999 else f"slept {sum(result):.3f} s instead of {sleep_at(scale)}"


def limit_at(scale: float) -> int:
    """
    Return the upper limit of the search at a scale.
    """
    return max(2_500, round(PRIMES_BELOW * scale))


def run_prime(mapper: Mapper, workers: int, scale: float) -> tuple[int, int]:
    """
    Return the number of primes and the largest.
    """
    counts, largest = zip(*mapper(primes, spans(limit_at(scale), workers), "primes"), strict=True)
    return sum(counts), max(largest)


def check_prime(result: tuple[int, int], scale: float) -> str:
    """
    Return the error: a result that differs from the sieve of Eratosthenes.
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
    Return the number of terms at a scale.
    """
    return max(100, round(TERMS * scale))


def run_costly(mapper: Mapper, workers: int, scale: float) -> float:
    """
    Return the partial sum of the series for pi.
    """
    return float(sum(mapper(leibniz, spans(terms_at(scale), workers), "add")))


def check_costly(result: float, scale: float) -> str:
    """
    Return the error: an alternating series is off by less than its next term.
    """
    return "" if isclose(result, 3.141592653589793, abs_tol=4.0 / (2 * terms_at(scale) + 1)) else f"pi = {result}"


def bytes_at(scale: float) -> int:
    """
    Return the bytes that all workers fill together at a scale.
    """
    return max(PAGE_BYTES, round(MEMORY_BYTES * scale))


def run_memory(mapper: Mapper, workers: int, scale: float) -> int:
    """
    Return how many reads gave the byte written.
    """
    return sum(mapper(touch, [(size, seed) for seed, size in enumerate(split(bytes_at(scale), workers))], "touch"))


def check_memory(result: int, scale: float) -> str:
    """
    Return the error: fewer correct reads than pages in three passes.
    """
    least = 3 * (bytes_at(scale) // PAGE_BYTES) - 3
    return "" if result >= least else f"{result} correct reads instead of {least} or more"


SLEEP = Workload("sleep", "Sleep: no work at all", "second", sleep_at, run_sleep, check_sleep)
PRIME = Workload("prime", "Primes by trial division: integer arithmetic", "number", limit_at, run_prime, check_prime)
COSTLY = Workload("costly", "Leibniz' series: floating-point arithmetic", "term", terms_at, run_costly, check_costly)
MEMORY = Workload(
    "memory", "Passes over memory: memory bandwidth rather than arithmetic", "byte", bytes_at, run_memory, check_memory
)
