"""
The numbers of the power model. Made by ``python -m benchmarks.estimators --write``: change that, not this.

Wall: fitted on 100 servers from 2017 (25 CPU families) and 188 older ones, half of a table of
SPECpower_ssj2008 results, www.spec.org, by way of github.com/green-coding-solutions/spec-power-model (9739f29),
retrieved 2026-11-21. SPEC and the benchmark name SPECpower_ssj are trademarks of the Standard Performance Evaluation
Corporation. These are our estimates, not SPEC metrics; no result is reproduced here.

Package: fitted on 82 points of 5 machines: codecarbon's data/hardware/cpu_load_profiling (MIT), and
Teads' average of Intel EC2 bare metal (B. Davy, "Estimating AWS EC2 Instances Power Consumption", 2021); retrieved
2026-11-21.

Intervals: 5 and 95 % of truth over prediction for CPU families (package: machines) left out of the fit.
"""

# Watts of an awake machine at no load, per watt of TDP; per GB of memory; per socket and year before 2014
AWAKE = 0.223
MEMORY_W = 0.261
AGE_W = 8.9
# Of these, what is left at rest
ASLEEP = 0.607
# What full load adds, per watt of TDP; for desktop silicon from 2017 times DESKTOP; EXPONENT is not fitted
DYNAMIC = 0.664
DESKTOP = 0.604
EXPONENT = 1.5

# Where the TDP is not known: watts of TDP of one hardware thread in a server from 2017, and growth a year before it
THREAD_W = {"intel": 3.32, "amd": 1.88}
THREAD_GROWTH = 1.18

# 90 % factors of the wall, from 10 % load up and at rest; for parts from 2017, and older ones
BUSY = (0.73, 1.43)
REST = (0.64, 1.96)
OLD_BUSY = (0.76, 1.53)
OLD_REST = (0.82, 2.49)

# Package watts, per watt of TDP, and never more than the wall's; five machines can't say less than a factor of two
PACKAGE_IDLE = 0.135
PACKAGE_DYNAMIC = 0.664
PACKAGE_BUSY = (0.5, 2.05)
