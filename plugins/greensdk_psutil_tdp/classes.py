"""
Watts of a CPU of which the part is not known: by generation where its numbers or its name tell one, else by class.

Written by hand, as of November 2026, from the parts in this package (where the source says median) and from the sources
named in each row; facts, without a licence.
"""

from __future__ import annotations

# generation as `greensdk.machine.hardware` names it: (watts per core, cores of a usual part, year of launch, low and
# high factor that hold 90% of its larger parts, the parts that clouds run). Two threads a core but for Sierra Forest.
GENERATIONS: dict[str, tuple[float, int, int, float, float, str]] = {
    "Nehalem-EP": (23.8, 4, 2009, 0.6, 1.3, "X5570"),
    "Westmere-EP": (19.0, 6, 2010, 0.6, 1.5, "X5670, E5645"),
    "Sandy Bridge-EP": (14.4, 8, 2012, 0.6, 1.5, "E5-2670"),
    "Ivy Bridge-EP": (10.5, 10, 2013, 0.65, 1.3, "E5-2670 v2, E5-2680 v2"),
    "Haswell-EP": (10.0, 12, 2014, 0.75, 1.2, "E5-2666 v3, E5-2676 v3"),
    "Broadwell-EP": (8.0, 18, 2016, 0.8, 1.2, "E5-2686 v4"),
    "Skylake-SP": (9.0, 24, 2017, 0.64, 1.5, "8124M, 8175M, 8171M"),
    "Cascade Lake-SP": (9.0, 24, 2019, 0.64, 1.2, "8259CL, 8275CL, 8272CL"),
    "Cooper Lake-SP": (9.0, 28, 2020, 0.65, 1.2, "8380H"),
    "Ice Lake-SP": (8.9, 32, 2021, 0.64, 1.1, "8375C, 8370C, 8373C"),
    "Sapphire Rapids": (7.2, 52, 2023, 0.8, 1.2, "8488C, 8481C, 8473C"),
    "Emerald Rapids": (6.0, 60, 2024, 0.75, 1.25, "8581C, 8592+"),
    "Granite Rapids": (4.7, 96, 2024, 0.8, 1.3, "6975P-C, 6980P"),
    "Sierra Forest": (2.2, 144, 2024, 0.75, 1.2, "6780E"),
    "Zen": (6.0, 32, 2017, 0.85, 1.8, "EPYC 7571, 7551"),
    "Zen 2": (4.4, 64, 2019, 0.7, 1.6, "EPYC 7R32, 7B12, 7452"),
    "Zen 3": (4.5, 64, 2021, 0.75, 1.6, "EPYC 7R13, 7763, 7B13"),
    "Zen 4": (3.75, 96, 2022, 0.8, 1.5, "EPYC 9R14, 9654, 9V74"),
    "Zen 4c": (2.8, 128, 2023, 0.9, 1.1, "EPYC 9754"),
    "Zen 5": (3.9, 128, 2024, 0.75, 1.4, "EPYC 9B45, 9R45, 9755"),
    "Zen 5c": (2.7, 192, 2024, 0.85, 1.2, "EPYC 9965"),
}
ONE_THREAD = ("Sierra Forest",)
BY_YEAR = {
    "intel": {
        2009: "Nehalem-EP",
        2010: "Westmere-EP",
        2012: "Sandy Bridge-EP",
        2013: "Ivy Bridge-EP",
        2014: "Haswell-EP",
        2016: "Broadwell-EP",
        2017: "Skylake-SP",
        2019: "Cascade Lake-SP",
        2021: "Ice Lake-SP",
        2023: "Sapphire Rapids",
        2024: "Emerald Rapids",
    },
    "amd": {2017: "Zen", 2019: "Zen 2", 2021: "Zen 3", 2022: "Zen 4", 2023: "Zen 4", 2024: "Zen 5", 2025: "Zen 5"},
}
"""Maker of a server to the year of launch, as its name tells it, to the generation."""

# Letters after a client part's number say what it was made for, more or less the same since 2017. Ordered: the first
# that ends the name decides. Watts of base power, and 90% factors over the parts of 2021 to 2026 in this package.
SUFFIXES: dict[str, tuple[tuple[str, float, float, float], ...]] = {
    "intel-client": (
        ("hx", 55, 1.0, 1.0),
        ("hk", 45, 1.0, 1.0),
        ("h", 38, 0.65, 1.2),
        ("p", 28, 1.0, 1.0),
        ("u", 15, 0.6, 1.0),
        ("v", 17, 1.0, 1.8),
        ("te", 35, 1.0, 1.3),
        ("t", 35, 1.0, 1.0),
        ("ks", 150, 0.8, 1.0),
        ("kf", 125, 0.75, 1.0),
        ("k", 125, 0.75, 1.0),
        ("f", 65, 0.9, 1.0),
        ("e", 65, 0.6, 1.0),
    ),
    "amd-client": (
        ("hx3d", 55, 1.0, 1.0),
        ("hx", 55, 0.8, 1.0),
        ("hs", 42, 0.65, 1.3),
        ("h", 45, 1.0, 1.0),
        ("u", 20, 0.75, 1.4),
        ("x3d", 120, 0.85, 1.4),
        ("xt", 105, 0.6, 1.0),
        ("x", 105, 0.6, 1.65),
        ("gt", 65, 1.0, 1.0),
        ("ge", 35, 1.0, 1.0),
        ("g", 65, 1.0, 1.0),
        ("f", 65, 1.0, 1.0),
    ),
}

MEDIAN = "median and 5 to 95% of the class's parts with known threads"
CLOUD_MEDIAN = "median and 5 to 95% of the Intel cloud parts"
ALTRA_MEDIAN = "median and 5 to 95% of the Ampere Altra parts"
# CCF gives an EPYC 2's 1.69 W to a vCPU of Graviton2, Teads' data set 2.39 W (both estimates): their geometric mean.
GRAVITON = "cloudcarbonfootprint.org coefficients and Teads' AWS EC2 dataset; none was measured"
# powermetrics, ten performance cores of an M4 Pro busy: 32 W; efficiency cores take far less. H. Oakley, "M4 Pro full
# on", eclecticlight.co, 2025-01-22.
M4_PRO = "powermetrics on an M4 Pro, eclecticlight.co 2025-01-22"
# Board at idle 2.1 W, four busy cores (and GPU) 6.41 W: "Thermal testing Raspberry Pi 4", raspberrypi.org, 2019-11-28.
PI4 = "Raspberry Pi 4 at idle and under load, raspberrypi.org 2019-11-28"
# For these no maker publishes a table: watts of one or two parts over their threads, and a factor that admits it.
HYGON = "kin of the first EPYC, of which it has the cores; no table is published"
ZHAOXIN = "KX-U6780A, 70 W of 8 threads; no table is published"
POWER = "POWER9, 190 to 300 W of 88 threads; no table is published"
S390 = "no watts of a part are published; between those of the other servers' cores and three times them"
RISCV = "SG2042, 120 W of 64 threads, and boards of 5 W with 4"
LOONGARCH = "3A5000, 35 W of 4 threads, and 3A6000, 50 W of 8"
ANY = "between a small board's and a server's watts a thread"

# class: (watts per hardware thread, low and high factor that hold 90% of its parts, source)
CLASS_DEFAULTS: dict[str, tuple[float, float, float, str]] = {
    "intel-server": (5.0, 0.55, 3.6, MEDIAN),
    "intel-client": (3.5, 0.35, 4.7, MEDIAN),
    "amd-server": (2.65, 0.5, 2.2, MEDIAN),
    "amd-client": (2.8, 0.4, 3.2, MEDIAN),
    "masked-intel": (4.5, 0.7, 1.4, CLOUD_MEDIAN),
    "masked-amd": (2.65, 0.5, 2.2, MEDIAN),
    "graviton": (2.0, 0.5, 2.0, GRAVITON),
    "ampere": (2.1, 0.65, 1.6, ALTRA_MEDIAN),
    "arm-server": (2.1, 0.5, 2.0, ALTRA_MEDIAN),
    "apple": (3.2, 0.3, 1.6, M4_PRO),
    "arm-client": (1.1, 0.4, 4.0, PI4),
    "hygon": (3.0, 0.5, 2.0, HYGON),
    "zhaoxin": (5.0, 0.25, 2.5, ZHAOXIN),
    "power": (2.7, 0.5, 2.0, POWER),
    "s390x": (8.0, 0.3, 3.0, S390),
    "riscv": (1.5, 0.4, 2.5, RISCV),
    "loongarch": (6.5, 0.5, 1.8, LOONGARCH),
    "arm": (1.6, 0.25, 4.0, ANY),
    "x86": (3.0, 0.25, 4.0, ANY),
}
