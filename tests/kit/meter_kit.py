"""
One window of a meter, on counters and a clock that the test moves.
"""

from contextlib import contextmanager

from greensdk_rapl import RaplMonitor

from greensdk.testing import FakeClock


@contextmanager
def opened(monitor):
    """
    The monitor, open, and its clock, which the test moves.
    """
    monitor.clock = clock = FakeClock()
    monitor.open()
    try:
        yield monitor, clock
    finally:
        monitor.close()


def window(monitor, inside=lambda: None, seconds=1.0):
    """
    The reading of one window of `seconds` in which `inside` happens.
    """
    with opened(monitor) as (_, clock):
        token = monitor.start()
        inside()
        clock.advance(seconds)
        return monitor.stop(token)


def joules(tree, added, seconds=1.0, **options):
    """
    The reading of one window of RAPL's on `tree`, in which each zone of `added` counts its joules.
    """

    def count():
        for zone, amount_j in added.items():
            zone.add_j(amount_j)

    return window(RaplMonitor(root=tree.root, **options), count, seconds)
