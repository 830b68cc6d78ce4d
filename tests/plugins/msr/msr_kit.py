"""
One window of the register monitor on a tree and a clock of the test.
"""

from contextlib import contextmanager

from greensdk_msr import MsrMonitor

from greensdk.testing import FakeClock
from greensdk.testing.msr import STRIDE


@contextmanager
def opened(tree, **options):
    """
    An open monitor on `tree` with a clock that the test moves.
    """
    monitor = MsrMonitor(root=tree.root, stride=STRIDE, **options)
    monitor.clock = clock = FakeClock()
    monitor.open()
    try:
        yield monitor, clock
    finally:
        monitor.close()


def counted(tree, counts, seconds=1.0, **options):
    """
    The reading of one window of `seconds` in which each register of `counts` counts so often.
    """
    with opened(tree, **options) as (monitor, clock):
        token = monitor.start()
        for key, number in counts.items():
            tree.registers[key].add_counts(number)
        clock.advance(seconds)
        return monitor.stop(token)
