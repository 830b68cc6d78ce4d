"""
Word count by map and reduce.
"""

from __future__ import annotations

from collections import Counter
from random import Random

from greensdk_workloads.workload import Mapper, Workload, spans

TEXT_WORDS = 5_000_000
SAMPLE = """
the of and to in energy is for joule on with as by at from power that this are be watt was not or an which core cloud
worker second more than when call package memory
"""
VOCABULARY = tuple(SAMPLE.split())


def expected_counts(words: int) -> dict[str, int]:
    """
    Return the count of each word in a text of `words` words: the k-th about 1 / k as often as the first.

    Zipf's law; Zipf, "Human behavior and the principle of least effort", 1949.
    """
    weights = [1.0 / rank for rank in range(1, len(VOCABULARY) + 1)]
    counts = {word: int(words * weight / sum(weights)) for word, weight in zip(VOCABULARY, weights, strict=True)}
    counts[VOCABULARY[0]] += words - sum(counts.values())
    return counts


def write(words: int, seed: int) -> list[str]:
    """
    Return a text with exactly the counts of :func:`expected_counts`, in random order.
    """
    text = [word for word, count in expected_counts(words).items() for _ in range(count)]
    Random(seed).shuffle(text)
    return text


def count(text: str) -> dict[str, int]:
    """
    Return the count of each word in `text`, ignoring case and surrounding punctuation.
    """
    return dict(Counter(word.strip(".,;:!?\"'()").lower() for word in text.split()))


def merge(*counts: dict[str, int]) -> dict[str, int]:
    """
    Return the sum of several counts.
    """
    total: Counter[str] = Counter()
    for each in counts:
        total.update(each)
    return dict(total)


def words_at(scale: float) -> int:
    """
    Return the number of words at a scale.
    """
    return max(len(VOCABULARY), round(TEXT_WORDS * scale))


def run(mapper: Mapper, workers: int, scale: float) -> dict[str, int]:
    """
    Return the word counts of the whole text.
    """
    text = write(words_at(scale), seed=1)
    parts = [(" ".join(text[start:stop]).capitalize() + ".",) for start, stop in spans(len(text), workers)]
    counts = mapper(count, parts, "count")
    return mapper(merge, [tuple(counts)], "merge", ["count"])[0]  # type: ignore[no-any-return]


def check(result: dict[str, int], scale: float) -> str:
    """
    Return the error: a word with a wrong count.
    """
    expected = Counter(expected_counts(words_at(scale)))
    counted = Counter({word: number for word, number in result.items() if word})
    wrong = sorted(word for word in expected | counted if expected[word] != counted[word])
    return "" if not wrong else f"{wrong[0]!r} {counted[wrong[0]]} times instead of {expected[wrong[0]]}"


WORDS = Workload("words", "Word count: memory and small I/O, map and reduce", "word", words_at, run, check)
