"""
An ensemble: principal components, then LightGBM models side by side, then their mean, then a test.

Each picture is one of ten patterns of 28 x 28 pixels under noise: as many pixels and classes as handwritten digits
have (LeCun, Cortes and Burges, MNIST), and made by everybody who has the seed.
"""

from __future__ import annotations

from typing import Any

from greensdk_workloads.workload import Mapper, Workload, spans

NEEDS = ("numpy", "lightgbm")
"""What a warm worker has imported already."""

PICTURES = 20_000
PIXELS = 784
CLASSES = 10
COMPONENTS = 100
ROUNDS = 30
NOISE = 2.0
"""Standard deviation of the noise, where that of the patterns is 1: so much that one model errs, and ten err less."""

TEST_PART = 5
"""One picture in so many is kept for the test."""


def draw(count: int, seed: int = 7) -> tuple[Any, Any]:
    """
    Return `count` pictures, shape (count, 784), and what they show, shape (count,).
    """
    import numpy as np

    random = np.random.default_rng(seed)
    patterns = random.standard_normal((CLASSES, PIXELS))
    shown = np.arange(count) % CLASSES
    random.shuffle(shown)
    pictures = 0.3 * patterns[shown] + NOISE * random.standard_normal((count, PIXELS))
    return pictures.astype(np.float32), shown


def components(pictures: Any) -> tuple[Any, Any]:
    """
    Return the mean picture and the 100 directions of the largest variance, shape (784, 100).

    Eigenvectors of the covariance matrix; Pearson, "On lines and planes of closest fit", 1901.
    """
    import numpy as np

    mean = pictures.mean(axis=0)
    _, vectors = np.linalg.eigh(np.cov(pictures - mean, rowvar=False))
    return mean, vectors[:, : -COMPONENTS - 1 : -1].astype(np.float32)


def fit(features: Any, shown: Any, models: int, seed: int) -> list[str]:
    """
    Return `models` trained models as LightGBM's text; each sees other features and other pictures.
    """
    import lightgbm
    import numpy as np

    random = np.random.default_rng(seed)
    made = []
    for _ in range(models):
        settings = {
            "objective": "multiclass",
            "num_class": CLASSES,
            "num_leaves": 50,
            "learning_rate": 0.05,
            "max_depth": int(random.integers(6, 12)),
            "feature_fraction": float(random.uniform(0.2, 0.6)),
            "bagging_fraction": float(random.uniform(0.3, 0.8)),
            "bagging_freq": 1,
            "num_threads": 1,
            "verbosity": -1,
            "seed": int(random.integers(2**31)),
        }
        made.append(lightgbm.train(settings, lightgbm.Dataset(features, shown), ROUNDS).model_to_string())
    return made


def predict(models: list[str], features: Any) -> Any:
    """
    Return the mean of the models' probabilities, shape (pictures, 10), and how many models that is of.
    """
    import lightgbm
    import numpy as np

    return np.mean([lightgbm.Booster(model_str=text).predict(features, num_threads=1) for text in models], axis=0)


def accuracy(probabilities: list[Any], weights: list[int], shown: Any) -> dict[str, float]:
    """
    Return the share of pictures that the ensemble recognises, and each part's own.
    """
    import numpy as np

    ensemble = np.average(probabilities, axis=0, weights=weights)
    alone = [float((each.argmax(axis=1) == shown).mean()) for each in probabilities]
    return {"ensemble": float((ensemble.argmax(axis=1) == shown).mean()), "mean_of_parts": float(np.mean(alone))}


def pictures_at(scale: float) -> int:
    """
    Return how many pictures there are at a scale.
    """
    return max(500, round(PICTURES * scale))


def run(mapper: Mapper, workers: int, scale: float) -> dict[str, float]:
    """
    Return what the ensemble and its parts recognise; two models for each worker.
    """
    pictures, shown = draw(pictures_at(scale))
    kept = len(shown) // TEST_PART
    mean, directions = mapper(components, [(pictures[kept:],)], "pca")[0]
    features = (pictures - mean) @ directions
    models = [behind - first for first, behind in spans(2 * workers, workers)]
    items = [(features[kept:], shown[kept:], count, seed) for seed, count in enumerate(models)]
    trained = mapper(fit, items, "train", ["pca"])
    probabilities = mapper(predict, [(each, features[:kept]) for each in trained], "aggregate", ["train"])
    return mapper(accuracy, [(probabilities, models, shown[:kept])], "test", ["aggregate"])[0]  # type: ignore[no-any-return]


def check(result: dict[str, float], scale: float) -> str:  # noqa: ARG001 - the contract's
    """
    Return what is wrong: the ensemble is hardly better than guessing, or worse than its parts.
    """
    if result["ensemble"] < 3 / CLASSES:
        return f"{result['ensemble']:.1%} recognised; guessing has {1 / CLASSES:.0%}"
    return "" if result["ensemble"] >= result["mean_of_parts"] - 0.02 else f"the parts are better: {result}"


ML = Workload(
    "ml",
    "PCA, LightGBM ensemble, test: memory and arithmetic",
    "picture",
    pictures_at,
    run,
    check,
    ("numpy", "lightgbm"),
)
