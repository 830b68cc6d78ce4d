"""
The numbers of the power model. Made by ``python -m benchmarks.estimators --write``: change that, not this.
"""

AWAKE = 0.223
MEMORY_W = 0.261
AGE_W = 8.9
ASLEEP = 0.607
DYNAMIC = 0.664
DESKTOP = 0.604
EXPONENT = 1.5
THREAD_W = {"intel": 3.32, "amd": 1.88}
THREAD_GROWTH = 1.18
WALL_KNOTS = (0.05, (0.64, 1.96), (0.68, 1.67), 0.1, (0.73, 1.43))
OLD_WALL_KNOTS = (0.05, (0.82, 2.49), (0.79, 1.95), 0.1, (0.76, 1.53))
PACKAGE_EXPONENT = 0.6
REST_OLD = 0.14
REST_SERVER = 0.25
FULL_SERVER = 0.9
REST_CLIENT = 0.02
DESKTOP_REST_W = 12.0
FULL_CLIENT = 0.87
SERVER_KNOTS = (0.05, (0.69, 2.43), (0.3, 1.57), 0.15, (0.58, 1.32))
CLIENT_KNOTS = (0.1, (0.58, 1.79), (0.3, 1.58), 0.4, (0.77, 1.36))
GUEST_KNOTS = (0.05, (0.69, 2.43), (0.3, 1.57), 0.15, (0.45, 1.5))
NOISE = (0.75, 1.3)
MEASURED = {
    "intel-server-old": "RAPL of 7 models",
    "server": "RAPL of 10 models",
    "amd-desktop": "RAPL of 6 models",
    "intel-client": "RAPL of 8 models",
}
