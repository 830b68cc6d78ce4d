"""
A server of S3.
"""

import pytest
from s3_kit import seaweed


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    """
    One server for all tests of a module.
    """
    with seaweed(tmp_path_factory.mktemp("s3")) as running:
        yield running
