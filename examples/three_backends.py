"""
One function on several backends of Lithops: ``python three_backends.py laptop.yaml cluster.yaml lambda.yaml``.

Each file is a Lithops configuration for one backend, with greensdk's settings in ``energy``. If all use the same
bucket as storage, ``greensdk report s3://BUCKET/greensdk/v1 --by worker.backend`` compares them.
"""

from __future__ import annotations

import sys
from pathlib import Path

import yaml
from greensdk_lithops import EnergyFunctionExecutor

from greensdk import energy_tracked

BELOW = [100_000, 150_000]


@energy_tracked(label="primes")
def primes(below: int) -> int:
    """
    Count the primes below a number.
    """
    return sum(all(number % each for each in range(2, int(number**0.5) + 1)) for number in range(2, below))


def main(*files: str) -> None:
    """
    Run the function on each backend, and print the results.
    """
    for file in files:
        config = yaml.safe_load(Path(file).read_text())
        energy = config.pop("energy", None)
        with EnergyFunctionExecutor(config=config, energy=energy, log_level=None) as executor:
            counts = executor.get_result(executor.map(primes, BELOW), show_progressbar=False)
            print(executor.backend, counts)


if __name__ == "__main__":
    main(*sys.argv[1:])
