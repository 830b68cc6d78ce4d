"""
The numbers of the power model. Made by ``python -m benchmarks.estimators --write``: change that, not this.

Wall: fitted on 100 servers from 2017 (25 CPU families) and 188 older ones, half of a table of
SPECpower_ssj2008 results, www.spec.org, by way of github.com/green-coding-solutions/spec-power-model (9739f29),
retrieved 2026-11-21. SPEC and the benchmark name SPECpower_ssj are trademarks of the Standard Performance Evaluation
Corporation. These are our estimates, not SPEC metrics; no result is reproduced here.

Package: fitted on 255 RAPL readings of 33 CPU models, retrieved 2026-11-30. Most are codecarbon's
data/hardware/cpu_load_profiling (MIT) and github.com/github-benjamin-davy/turbostressreports (CC0: EC2 bare metal); the
source of each reading is in benchmarks/data/rapl_points.csv.

Intervals: 4 and 96 % of truth over prediction for CPU families (package: models) left out of the fit.
"""

# Watts of an awake machine at no load, per watt of TDP; per GB of memory; per socket and year before 2014
AWAKE = 0.223
MEMORY_W = 0.261
AGE_W = 8.9
# Of these, what is left at rest
ASLEEP = 0.607
# What full load adds, per watt of TDP; for client silicon from 2017 times DESKTOP; EXPONENT is not fitted
DYNAMIC = 0.664
DESKTOP = 0.604
EXPONENT = 1.5

# Where the TDP is not known: watts of TDP of one hardware thread in a server from 2017, and growth a year before it
THREAD_W = {"intel": 3.32, "amd": 1.88}
THREAD_GROWTH = 1.18

# 90 % factors of the wall: a low load; at rest; there; from here up; then. For parts from 2017, and older ones
WALL_KNOTS = (0.05, (0.63, 2.0), (0.67, 1.7), 0.1, (0.72, 1.44))
OLD_WALL_KNOTS = (0.05, (0.81, 2.51), (0.78, 1.98), 0.1, (0.74, 1.57))

# Package watts at rest and at full load, per watt of TDP; DESKTOP_REST_W is a socket's; PACKAGE_EXPONENT is not fitted
REST_OLD = 0.15
REST_SERVER = 0.238
FULL_SERVER = 0.894
REST_CLIENT = 0.029
DESKTOP_REST_W = 9.067
FULL_CLIENT = 0.865
PACKAGE_EXPONENT = 0.6

# 90 % factors of the package, as above
SERVER_KNOTS = (0.01, (0.64, 2.28), (0.24, 1.57), 0.15, (0.55, 1.63))
CLIENT_KNOTS = (0.1, (0.27, 1.83), (0.27, 1.83), 0.4, (0.48, 1.35))
# What of them is not common to all readings of one machine: points around their machine's mean, from 10 % load
NOISE = (0.75, 1.22)

# The CPU models behind it
MEASURED = {
    "intel-server-old": "8124M, 8175M, 8252C, 8275CL, E5-2620v3, E5-2650v4, Gold6130, P5362",
    "server": "7713, 7742, 7763, 8024P, 8380, 8488C, 9354, 9374F, 9654, SRF-250W",
    "amd-desktop": "1950X, 7700, 7900X, 7950X, 9700X, 9950X",
    "intel-client": "14900K, 265H, 285K, E3-1240v2, RyzenAI-255, i5-10600K, i7-1260P, i7-13700, i7-2600K",
}
