"""
A machine with two packages.
"""

import pytest

from greensdk.testing import PowercapTree


@pytest.fixture
def two_packages(tmp_path):
    """
    Two packages, the memory of the second, and the cores of the first.
    """
    tree = PowercapTree(tmp_path)
    tree.package(0).core()
    tree.package(1).dram()
    return tree
