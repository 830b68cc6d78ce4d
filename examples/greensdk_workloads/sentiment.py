"""
Sentiment of reviews: a CSV of guests' comments, each scored by the words in it.

The reviews are synthetic, in the columns of Inside Airbnb's ``reviews.csv`` (listing_id, id, date, reviewer_id,
reviewer_name, comments), so the sentiment of each is known.
"""

from __future__ import annotations

import csv
import io
from collections import Counter
from random import Random

from greensdk_workloads.workload import Mapper, Workload, spans

REVIEWS = 200_000
COLUMNS = ("listing_id", "id", "date", "reviewer_id", "reviewer_name", "comments")
GOOD = ("lovely", "clean", "quiet", "great", "comfortable", "friendly", "perfect", "spotless", "charming", "helpful")
BAD = ("dirty", "noisy", "rude", "cold", "broken", "cramped", "awful", "smelly", "overpriced", "disappointing")
THINGS = ("flat", "host", "bed", "kitchen", "street", "view", "bathroom", "terrace", "neighbourhood", "sofa")
FILLERS = ("We stayed for four nights.", "The metro is near, ten minutes on foot.", 'They call it "the nest".')
POSITIVE, NEGATIVE, NEUTRAL = "positive", "negative", "neutral"
_VALUES = {**dict.fromkeys(GOOD, 1), **dict.fromkeys(BAD, -1)}


def opinion(number: int) -> str:
    """
    Return the sentiment of review `number`: of twenty, thirteen are positive, four negative, three neutral.
    """
    rank = number * 7 % 20
    return POSITIVE if rank < 13 else NEGATIVE if rank < 17 else NEUTRAL


def comment(number: int) -> str:
    """
    Return the text of review `number`; deterministic.
    """
    random, sentiment = Random(number), opinion(number)
    sentences = [random.choice(FILLERS)]
    if sentiment != NEUTRAL:
        own, opposite = (GOOD, BAD) if sentiment == POSITIVE else (BAD, GOOD)
        sentences += [f"The {random.choice(THINGS)} was {random.choice(own)}." for _ in range(random.randint(2, 4))]
        sentences.append(f"The {random.choice(THINGS)} was not {random.choice(opposite)}.")
        sentences.append(f"Only the {random.choice(THINGS)} was {random.choice(opposite)}.")
    random.shuffle(sentences)
    return " ".join(sentences)


def write(start: int, stop: int) -> str:
    """
    Return the reviews from `start` to before `stop` as CSV with a header.
    """
    text = io.StringIO()
    rows = csv.writer(text)
    rows.writerow(COLUMNS)
    rows.writerows(
        (number % 997, number, "2026-05-01", number % 7919, "Ana", comment(number)) for number in range(start, stop)
    )
    return text.getvalue()


def judge(text: str) -> str:
    """
    Return the sentiment of a comment by its words; "not" negates the rest of its sentence.
    """
    score, sign = 0, 1
    for word in text.lower().replace(".", " . ").split():
        if word in {"not", "never", "no"}:
            sign = -1
        elif word == ".":
            sign = 1
        score += sign * _VALUES.get(word, 0)
    return POSITIVE if score > 0 else NEGATIVE if score < 0 else NEUTRAL


def analyse(table: str) -> dict[str, int]:
    """
    Return how many of the reviews in a CSV are positive, negative and neutral.
    """
    return dict(Counter(judge(row["comments"]) for row in csv.DictReader(io.StringIO(table))))


def reviews_at(scale: float) -> int:
    """
    Return the number of reviews at a scale.
    """
    return max(20, round(REVIEWS * scale))


def run(mapper: Mapper, workers: int, scale: float) -> dict[str, int]:
    """
    Return how many reviews are positive, negative and neutral.
    """
    counts = mapper(analyse, [(write(*span),) for span in spans(reviews_at(scale), workers)], "analyse")
    total: Counter[str] = Counter()
    for each in counts:
        total.update(each)
    return dict(total)


def check(result: dict[str, int], scale: float) -> str:
    """
    Return the error: counts that differ from those written.
    """
    expected = dict(Counter(map(opinion, range(reviews_at(scale)))))
    return "" if expected == result else f"{result} instead of {expected}"


SENTIMENT = Workload("sentiment", "Sentiment of reviews in CSV: texts and small I/O", "review", reviews_at, run, check)
