"""
Sentiment of reviews: a CSV of guests' comments, each scored by the words in it.

The reviews are made up, in the columns of Inside Airbnb's ``reviews.csv`` (listing_id, id, date, reviewer_id,
reviewer_name, comments); what each of them thinks is therefore known.
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
    Return what review `number` thinks: of twenty, thirteen are positive, four negative, three neutral.
    """
    place = number * 7 % 20
    return POSITIVE if place < 13 else NEGATIVE if place < 17 else NEUTRAL


def comment(number: int) -> str:
    """
    Return the words of review `number`; always the same.
    """
    random, wanted = Random(number), opinion(number)
    sentences = [random.choice(FILLERS)]
    if wanted != NEUTRAL:
        right, wrong = (GOOD, BAD) if wanted == POSITIVE else (BAD, GOOD)
        sentences += [f"The {random.choice(THINGS)} was {random.choice(right)}." for _ in range(random.randint(2, 4))]
        sentences.append(f"The {random.choice(THINGS)} was not {random.choice(wrong)}.")
        sentences.append(f"Only the {random.choice(THINGS)} was {random.choice(wrong)}.")
    random.shuffle(sentences)
    return " ".join(sentences)


def write(first: int, behind: int) -> str:
    """
    Return the reviews from `first` up to `behind` as CSV with a header.
    """
    text = io.StringIO()
    rows = csv.writer(text)
    rows.writerow(COLUMNS)
    rows.writerows(
        (number % 997, number, "2026-05-01", number % 7919, "Ana", comment(number)) for number in range(first, behind)
    )
    return text.getvalue()


def judge(text: str) -> str:
    """
    Return what a comment thinks, by its words; "not" turns the next judgement around.
    """
    score, turned = 0, 1
    for word in text.lower().replace(".", " . ").split():
        if word in {"not", "never", "no"}:
            turned = -1
        elif word == ".":
            turned = 1
        score += turned * _VALUES.get(word, 0)
    return POSITIVE if score > 0 else NEGATIVE if score < 0 else NEUTRAL


def analyse(table: str) -> dict[str, int]:
    """
    Return how many of the reviews in a CSV are positive, negative and neutral.
    """
    return dict(Counter(judge(row["comments"]) for row in csv.DictReader(io.StringIO(table))))


def reviews_at(scale: float) -> int:
    """
    Return how many reviews there are at a scale.
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
    Return what is wrong: counts other than those that were written.
    """
    expected = dict(Counter(map(opinion, range(reviews_at(scale)))))
    return "" if expected == result else f"{result} instead of {expected}"


SENTIMENT = Workload("sentiment", "Sentiment of reviews in CSV: texts and small I/O", "review", reviews_at, run, check)
