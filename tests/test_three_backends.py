"""
One script, three backends of Lithops, one bucket, one report.

This machine's localhost; pods run by podman with energy counters that turn; sandboxes as tight as AWS Lambda's.
"""

from __future__ import annotations

import json
from importlib.util import find_spec

import k8s_kit
import podman_kit
import pytest
from lambda_box import need_lambda
from lambda_lithops import lithops_on_lambda
from law_kit import Power, turning
from lithops_kit import lithops_at

from greensdk.testing import PowercapTree

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(find_spec("lithops") is None, reason="lithops is not installed"),
    pytest.mark.skipif(find_spec("kubernetes") is None, reason="kubernetes is not installed"),
    # Lithops leaves streams and sockets to the garbage collector.
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]

RECORDS = "s3://results/greensdk/v1"
PRIMES = [2262, 3245]


@pytest.fixture
def sysfs(tmp_path):
    """
    Return a node's sysfs whose energy counters turn.
    """
    folder = tmp_path / "node"
    tree = PowercapTree(folder)
    tree.package(0).dram()
    with turning(tree, {"package-0": Power(40.0), "dram-0": Power(5.0)}):
        yield str(folder)


@pytest.fixture
def lithops(tmp_path, monkeypatch):
    """
    Return Lithops with a Lambda and an S3; whoever makes an executor for AWS meanwhile is led there.
    """
    podman_kit.need_podman()
    need_lambda()
    with lithops_on_lambda(tmp_path) as found:
        with found.executor() as executor:
            session = executor.compute_handler.backend.session
        monkeypatch.setattr("lithops.serverless.backends.aws_lambda.aws_lambda.URLLib3Session", lambda: session)
        yield found


@pytest.fixture
def files(tmp_path, lithops, sysfs, monkeypatch):
    """
    Return the configurations of this machine, a cluster and a Lambda, each in a file, with the same S3 for storage.
    """
    with (
        podman_kit.podman() as podman,
        k8s_kit.cluster(podman, tmp_path) as cluster,
        lithops_at(tmp_path / "here") as here,
    ):
        monkeypatch.setenv("GREENSDK_RAPL_ROOT", str(tmp_path / "none"))  # whatever this machine has
        monkeypatch.setenv("GREENSDK_K8S_VARIANT", "restricted")
        monkeypatch.setenv("GREENSDK_K8S_SYSFS", sysfs)
        there = k8s_kit.lithops_config(cluster, lithops.s3)
        here["lithops"]["storage"] = "minio"
        made = []
        for config in (here | {"minio": there["minio"]}, there, lithops.config()):
            made.append(str(tmp_path / f"{config['lithops']['backend']}.yaml"))
            with open(made[-1], "w") as file:
                json.dump(config, file)  # which is YAML, too
        yield made


def test_one_report_shows_three_backends_side_by_side(files, lithops, command, capsys):
    """
    Each with its calls and its source: RAPL read in the pod, an estimate in the Lambda.
    """
    import three_backends

    three_backends.main(*files)
    assert [f"{name} {PRIMES}" for name in ("localhost", "k8s", "aws_lambda")] == capsys.readouterr().out.splitlines()

    variables = lithops.s3.environment()
    told = command("report", RECORDS, "--by", "worker.backend", **variables)
    assert [0, ""] == [told.returncode, told.stderr]
    print(told.stdout)
    raw = command("report", RECORDS, "--by", "worker.backend", "--json", **variables)
    print(raw.stdout)
    for text in lithops.s3.objects("greensdk/").values(): print(text.decode())
    assert 0
