"""
Survival on the Titanic: a random forest for each part of a passenger list.

The passengers are synthetic, in the columns of the well-known list of 891 (67 bytes a passenger): 89,100 of them are
6 MB, 891,000 are 60 MB. Survival is drawn at the rates of the real list: high for women and children of the first
class, low for men of the third.
"""

from __future__ import annotations

import csv
import io
from random import Random
from typing import Any

from greensdk_workloads.workload import Mapper, Workload, spans

NEEDS = ("numpy", "sklearn.ensemble", "sklearn.model_selection")
"""Libraries that a warm worker has already imported."""

PASSENGERS = 89_100
TREES = 100
COLUMNS = ("PassengerId", "Survived", "Pclass", "Name", "Sex", "Age", "SibSp", "Parch", "Ticket", "Fare", "Embarked")
FEATURES = ("Pclass", "Age", "SibSp", "Parch", "Fare")
SURVIVED = {
    ("female", 1): 0.97, ("female", 2): 0.92, ("female", 3): 0.50,
    ("male", 1): 0.37, ("male", 2): 0.16, ("male", 3): 0.14,
}  # fmt: skip
"""
Survival rate by sex and class in the list of 891: 91 of 94, 70 of 76, 72 of 144 women; 45 of 122, 17 of 108, 47
of 347 men. Harrell and Cason's "titanic3" list, https://hbiostat.org/data/, in the form of its training part.
"""


def write(start: int, stop: int) -> str:
    """
    Return the passengers from `start` to before `stop` as CSV with a header; deterministic.
    """
    text = io.StringIO()
    rows = csv.writer(text)
    rows.writerow(COLUMNS)
    rows.writerows(_passenger(number) for number in range(start, stop))
    return text.getvalue()


def _passenger(number: int) -> tuple[Any, ...]:
    random = Random(number)
    sex = "female" if random.random() < 314 / 891 else "male"
    level = random.choices((1, 2, 3), (216, 184, 491))[0]
    age = None if random.random() < 177 / 891 else round(min(80.0, max(0.4, random.gauss(29.7, 14.5))), 1)
    chance = SURVIVED[sex, level] if age is None or age > 10 else max(0.6, SURVIVED[sex, level])
    name = f"Passenger, {'Mrs.' if sex == 'female' else 'Mr.'} No {number}"
    fare = round(random.lognormvariate(*((4.2, 0.6), (2.9, 0.4), (2.4, 0.5))[level - 1]), 4)
    family = int(random.expovariate(2.0)), int(random.expovariate(2.6))
    return (
        number,
        int(random.random() < chance),
        level,
        name,
        sex,
        age,
        *family,
        100_000 + number,
        fare,
        random.choice("SSSCQ"),
    )


def train(table: str, trees: int = TREES, seed: int = 42) -> dict[str, float]:
    """
    Train a forest on four fifths of a CSV of passengers, and test it on the rest.

    Returns:
        ``rows`` used (those of known age); ``tested`` of them; ``right``: correct predictions; ``majority``: correct
        predictions when always choosing the more frequent class.
    """
    import numpy as np
    from sklearn.ensemble import RandomForestClassifier
    from sklearn.model_selection import train_test_split

    known = [row for row in csv.DictReader(io.StringIO(table)) if all(row[name] for name in FEATURES)]
    features = np.array([[*(float(row[name]) for name in FEATURES), row["Sex"] == "male"] for row in known])
    survived = np.array([row["Survived"] == "1" for row in known])
    x, x_test, y, y_test = train_test_split(features, survived, test_size=0.2, random_state=seed)
    forest = RandomForestClassifier(n_estimators=trees, random_state=seed, n_jobs=1).fit(x, y)
    return {
        "rows": len(known),
        "tested": len(y_test),
        "right": int((forest.predict(x_test) == y_test).sum()),
        "majority": int((y_test == (y.mean() > 0.5)).sum()),
    }


def passengers_at(scale: float) -> int:
    """
    Return the number of passengers at a scale: 1 is 6 MB, 10 is 60 MB.
    """
    return max(400, round(PASSENGERS * scale))


def run(mapper: Mapper, workers: int, scale: float) -> dict[str, float]:
    """
    Return the sums of :func:`train` over all parts.
    """
    parts = mapper(train, [(write(*span),) for span in spans(passengers_at(scale), workers)], "train")
    return {key: sum(part[key] for part in parts) for key in parts[0]}


def check(result: dict[str, float], scale: float) -> str:
    """
    Return the error: missing passengers, or forests no better than the majority class.
    """
    least = 0.7 * passengers_at(scale)
    if not least < result["rows"] <= passengers_at(scale):
        return f"{result['rows']} passengers instead of {least:.0f} or more"
    right, majority = result["right"] / result["tested"], result["majority"] / result["tested"]
    return "" if right > majority else f"{right:.1%} correct, {majority:.1%} by the majority class"


TITANIC = Workload(
    "titanic", "Random forests: trees in memory, CSV to read", "passenger", passengers_at, run, check, ("sklearn",)
)
