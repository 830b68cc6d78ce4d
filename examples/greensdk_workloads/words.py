"""
Word count: texts in, how often each word occurs out; map and reduce.
"""

from __future__ import annotations

from collections import Counter
from random import Random

from greensdk_workloads.workload import Mapper, Workload, spans

TEXT_WORDS = 5_000_000
WRITTEN = """
the of and to in energy is for joule on with as by at from power that this are be watt was not or an which core cloud
worker second more than when call package memory
"""
VOCABULARY = tuple(WRITTEN.split())


def truth(words: int) -> dict[str, int]:
    """
    Return how often each word occurs in a text of `words` words: the k-th one about 1 / k as often as the first.

    Zipf's law; Zipf, "Human behavior and the principle of least effort", 1949.
    """
    weights = [1.0 / rank for rank in range(1, len(VOCABULARY) + 1)]
    counts = {word: int(words * weight / sum(weights)) for word, weight in zip(VOCABULARY, weights, strict=True)}
    counts[VOCABULARY[0]] += words - sum(counts.values())
    return counts


def write(words: int, seed: int) -> list[str]:
    """
    Return a text with exactly the counts of :func:`truth`, in random order.
    """
    text = [word for word, count in truth(words).items() for _ in range(count)]
    Random(seed).shuffle(text)
    return text


def count(text: str) -> dict[str, int]:
    """
    Return how often each word occurs in `text`, whatever its case and the punctuation around it.
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
    Return how many words there are at a scale.
    """
    return max(len(VOCABULARY), round(TEXT_WORDS * scale))


def run(mapper: Mapper, workers: int, scale: float) -> dict[str, int]:
    """
    Return the counts of the whole text.
    """
    text = write(words_at(scale), seed=1)
    parts = [(" ".join(text[first:behind]).capitalize() + ".",) for first, behind in spans(len(text), workers)]
    counts = mapper(count, parts, "count")
    return mapper(merge, [tuple(counts)], "merge", ["count"])[0]  # type: ignore[no-any-return]


def check(result: dict[str, int], scale: float) -> str:
    """
    Return what is wrong: a word that was counted otherwise than it was written.
    """
    expected = Counter(truth(words_at(scale)))
    found = Counter({word: number for word, number in result.items() if word})
    wrong = sorted(word for word in expected | found if expected[word] != found[word])
    return "" if not wrong else f"{wrong[0]!r} {found[wrong[0]]} times instead of {expected[wrong[0]]}"


WORDS = Workload("words", "Word count: memory and small I/O, map and reduce", "word", words_at, run, check)
