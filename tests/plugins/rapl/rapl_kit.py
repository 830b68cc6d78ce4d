"""
One window of the RAPL monitor on a tree and a clock of the test.
"""

from contextlib import contextmanager

from greensdk_rapl import RaplMonitor

from greensdk.testing import FakeClock


@contextmanager
def opened(tree, **options):
    """
    An open monitor on `tree` with a clock that the test moves.
    """
    monitor = RaplMonitor(root=tree.root, **options)
    monitor.clock = clock = FakeClock()
    monitor.open()
    try:
        yield monitor, clock
    finally:
        monitor.close()


def joules(tree, added, seconds=1.0, **options):
    """
    The reading of one window of `seconds` in which each zone of `added` counts its joules.
    """
    with opened(tree, **options) as (monitor, clock):
        token = monitor.start()
        for zone, amount_j in added.items():
            zone.add_j(amount_j)
        clock.advance(seconds)
        return monitor.stop(token)
