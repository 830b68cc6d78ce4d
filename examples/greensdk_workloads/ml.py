"""
An ensemble: principal components, LightGBM models in parallel, their mean, a test.

Each image is one of ten patterns of 28 x 28 pixels with added noise: the same number of pixels and classes as the
handwritten digits of MNIST (LeCun, Cortes and Burges), generated from a fixed seed.
"""

from __future__ import annotations

from typing import Any

from greensdk_workloads.workload import Mapper, Workload, spans

NEEDS = ("numpy", "lightgbm")
"""Libraries that a warm worker has already imported."""

IMAGES = 20_000
PIXELS = 784
CLASSES = 10
COMPONENTS = 100
ROUNDS = 30
NOISE = 2.0
"""Standard deviation of the noise, relative to the patterns': enough that a single model errs more than ten."""

TEST_EVERY = 5
"""One image in this many is held out for the test."""


def draw(count: int, seed: int = 7) -> tuple[Any, Any]:
    """
    Return `count` images, shape (count, 784), and their classes, shape (count,).
    """
    import numpy as np

    random = np.random.default_rng(seed)
    patterns = random.standard_normal((CLASSES, PIXELS))
    classes = np.arange(count) % CLASSES
    random.shuffle(classes)
    images = 0.3 * patterns[classes] + NOISE * random.standard_normal((count, PIXELS))
    return images.astype(np.float32), classes


def components(images: Any) -> tuple[Any, Any]:
    """
    Return the mean image and the 100 directions of largest variance, shape (784, 100).

    Eigenvectors of the covariance matrix; Pearson, "On lines and planes of closest fit", 1901.
    """
    import numpy as np

    mean = images.mean(axis=0)
    _, vectors = np.linalg.eigh(np.cov(images - mean, rowvar=False))
    return mean, vectors[:, : -COMPONENTS - 1 : -1].astype(np.float32)


def fit(features: Any, classes: Any, models: int, seed: int) -> list[str]:
    """
    Return `models` trained models as LightGBM's text; each is trained on a different subset of features and images.
    """
    import lightgbm
    import numpy as np

    random = np.random.default_rng(seed)
    models_as_text = []
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
        models_as_text.append(lightgbm.train(settings, lightgbm.Dataset(features, classes), ROUNDS).model_to_string())
    return models_as_text


def predict(models: list[str], features: Any) -> Any:
    """
    Return the mean of the models' probabilities, shape (images, 10).
    """
    import lightgbm
    import numpy as np

    return np.mean([lightgbm.Booster(model_str=text).predict(features, num_threads=1) for text in models], axis=0)


def accuracy(probabilities: list[Any], weights: list[int], classes: Any) -> dict[str, float]:
    """
    Return the accuracy of the ensemble, and the mean accuracy of its parts.
    """
    import numpy as np

    ensemble = np.average(probabilities, axis=0, weights=weights)
    alone = [float((each.argmax(axis=1) == classes).mean()) for each in probabilities]
    return {"ensemble": float((ensemble.argmax(axis=1) == classes).mean()), "mean_of_parts": float(np.mean(alone))}


def images_at(scale: float) -> int:
    """
    Return the number of images at a scale.
    """
    return max(500, round(IMAGES * scale))


def run(mapper: Mapper, workers: int, scale: float) -> dict[str, float]:
    """
    Return the accuracy of the ensemble and of its parts; two models per worker.
    """
    images, classes = draw(images_at(scale))
    held_out = len(classes) // TEST_EVERY
    mean, directions = mapper(components, [(images[held_out:],)], "pca")[0]
    features = (images - mean) @ directions
    models = [stop - start for start, stop in spans(2 * workers, workers)]
    items = [(features[held_out:], classes[held_out:], count, seed) for seed, count in enumerate(models)]
    trained = mapper(fit, items, "train", ["pca"])
    probabilities = mapper(predict, [(each, features[:held_out]) for each in trained], "aggregate", ["train"])
    scores: dict[str, float] = mapper(accuracy, [(probabilities, models, classes[:held_out])], "test", ["aggregate"])[0]
    return scores


def check(result: dict[str, float], scale: float) -> str:  # noqa: ARG001 - part of the protocol
    """
    Return the error: an ensemble hardly better than guessing, or worse than its parts.
    """
    if result["ensemble"] < 3 / CLASSES:
        return f"accuracy {result['ensemble']:.1%}; guessing has {1 / CLASSES:.0%}"
    return "" if result["ensemble"] >= result["mean_of_parts"] - 0.02 else f"the parts are better: {result}"


ML = Workload(
    "ml",
    "PCA, LightGBM ensemble, test: memory and arithmetic",
    "image",
    images_at,
    run,
    check,
    ("numpy", "lightgbm"),
)
