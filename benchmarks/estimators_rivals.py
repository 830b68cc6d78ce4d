"""
What others would say of the same servers. Each takes the load as it stands in the rows.

None of the CPU-only formulas claims the watts of the whole machine: their lines say what a user gets wrong who takes
them for it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from estimators_data import LOADS, TEADS, Server, column

# Cloud Carbon Footprint, cloud-carbon-coefficients (Apache-2.0), output/coefficients-aws-use.csv: least and most watts
# a hardware thread; made from SPECpower rows, so it has seen those it is judged on. The average is of its methodology
# page, for all that it has no line for.
CCF_AVERAGE = (0.74, 3.5)
CCF_W = {
    "skylake": (0.4304, 3.4375),
    "cascadelake": (0.5571, 3.6786),
    "coffeelake": (1.6667, 7.7583),
    "broadwell": (0.5102, 3.0568),
    "ivybridge": (2.4275, 5.8),
    "sandybridge": (2.1688, 9.8438),
    "haswell": (20.8, 32.75),
    "epyc-gen1": (0.6633, 2.2422),
    "epyc-gen2": (0.4016, 1.6719),
}
CCF_MEMORY_W = 0.392
RAM_W = 0.38


def _total_w(rows: Sequence[Server]) -> Any:
    return column(rows, "sockets") * column(rows, "tdp_w")


def seeds(rows: Sequence[Server]) -> Any:
    """
    TDP times load, which codecarbon uses for a process.
    """
    return _total_w(rows) * LOADS


def codecarbon_constant(rows: Sequence[Server]) -> Any:
    """
    Half the TDP at any load (codecarbon 3, `constant`).
    """
    return 0.5 * _total_w(rows) * np.ones_like(LOADS)


def codecarbon_machine(rows: Sequence[Server]) -> Any:
    """
    TDP * (0.1 + 0.9 load^3) (codecarbon 3, `cpu_load` of a machine).
    """
    return _total_w(rows) * (0.1 + 0.9 * LOADS**3)


def teads(rows: Sequence[Server]) -> Any:
    """
    Teads' measured parts of the TDP, straight lines between them.
    """
    loads, parts = zip(*TEADS, strict=True)
    return _total_w(rows) * np.interp(LOADS, loads, parts)


def teads_memory(rows: Sequence[Server]) -> Any:
    """
    The same with 0.38 W for each GB.
    """
    return teads(rows) + RAM_W * column(rows, "memory_gb")


def ccf_average(rows: Sequence[Server]) -> Any:
    """
    Cloud Carbon Footprint without the architecture.
    """
    return _ccf(rows, [CCF_AVERAGE] * len(rows))


def ccf(rows: Sequence[Server]) -> Any:
    """
    Cloud Carbon Footprint by architecture.
    """
    return _ccf(rows, [CCF_W.get(row.architecture, CCF_AVERAGE) for row in rows])


def _ccf(rows: Sequence[Server], watts: Sequence[tuple[float, float]]) -> Any:
    least, most = (np.array([pair[end] for pair in watts])[:, None] for end in (0, 1))
    return column(rows, "threads") * (least + (most - least) * LOADS)


RIVALS: dict[str, Callable[[Sequence[Server]], Any]] = {
    "seeds: TDP * load (codecarbon, process)": seeds,
    "codecarbon, constant 0.5 TDP": codecarbon_constant,
    "codecarbon, machine TDP (.1 + .9 load^3)": codecarbon_machine,
    "Teads .12/.32/.75/1.02": teads,
    "Teads + .38 W/GB": teads_memory,
    "CCF, average W per thread": ccf_average,
    "CCF, W per thread by architecture (*)": ccf,
}
