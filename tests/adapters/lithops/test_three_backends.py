"""
One script, three backends of Lithops, one bucket, one report.

This machine's localhost; pods run by podman with energy counters that turn; sandboxes as tight as AWS Lambda's.
"""

from __future__ import annotations

import json
import re
from importlib.util import find_spec
from pathlib import Path
from runpy import run_path

import k8s_kit
import podman_kit
import pytest
from lambda_box import need_lambda
from lambda_lithops import lithops_on_lambda
from law_kit import Power, turning
from lithops_kit import lithops_at
from podman_kit import NODE

from greensdk.schema.check import problems
from greensdk.schema.text import digits
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

SCRIPT = Path(__file__).parents[3] / "examples" / "three_backends.py"
RECORDS = "s3://results/greensdk/v1"
BACKENDS = ("localhost", "k8s", "aws_lambda")
PRIMES = [9592, 13848]


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
    Return Lithops with a Lambda and an S3; executors for AWS created meanwhile use it.
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
        there = k8s_kit.lithops_config(cluster, lithops.s3)
        there["energy"] = {"plugins": {"k8s": {"variant": "restricted", "sysfs": sysfs}}}
        here["lithops"]["storage"] = "minio"
        made = []
        for config in (here | {"minio": there["minio"]}, there, lithops.config()):
            made.append(str(tmp_path / f"{config['lithops']['backend']}.yaml"))
            with open(made[-1], "w") as file:
                json.dump(config, file)  # which is YAML, too
        yield made


@pytest.fixture
def printed(files, monkeypatch, capsys):
    """
    Return the lines that the script has printed.
    """
    monkeypatch.setattr("sys.argv", [str(SCRIPT), *files])
    run_path(str(SCRIPT), run_name="__main__")
    return capsys.readouterr().out.splitlines()


def test_one_report_shows_three_backends_side_by_side(printed, lithops, command):
    """
    Each with its calls and its source: RAPL read in the pod, an estimate in the Lambda. Text and JSON say the same.
    """
    assert [f"{name} {PRIMES}" for name in BACKENDS] == printed
    assert [len(PRIMES)] * 3 == [len(each) for each in by_backend(lithops.s3.objects("greensdk/v1/")).values()]

    words, variables = ("report", RECORDS, "--by", "worker.backend"), lithops.s3.environment()
    plain, as_json = command(*words, **variables), command(*words, "--json", **variables)
    assert [0, "", 0, ""] == [plain.returncode, plain.stderr, as_json.returncode, as_json.stderr]
    summary = json.loads(as_json.stdout)
    groups = {group["name"]: group for group in summary["groups"]}
    assert {name: len(PRIMES) for name in BACKENDS} == {name: group["calls"] for name, group in groups.items()}
    assert ["rapl (package+dram)"] == groups["k8s"]["sources"]
    assert ["lambda-estimator (vcpu+memory)"] == groups["aws_lambda"]["sources"]
    assert all("rapl" not in source for source in groups["localhost"]["sources"])
    assert {"ok": 6} == summary["status"]
    (meter,) = summary["meters"]
    assert groups["k8s"]["energy_j"] == pytest.approx(meter["calls_j"])

    head, *rows = [re.split(r" {2,}", line) for line in plain.stdout.partition("\n\n")[0].splitlines()]
    assert ["worker.backend", "calls", "method"] == [head[0], head[1], head[-1]]
    assert [*groups, "unattributed", "total"] == [row[0] for row in rows]
    for row, group in zip(rows, groups.values(), strict=False):
        assert [str(group["calls"]), ", ".join(group["sources"])] == [row[1], row[-1]]
        assert row[2].startswith(f"{digits(group['energy_j'])} J")


def by_backend(objects):
    """
    Return the records in a bucket, sound ones all, by backend.
    """
    found = {name: [] for name in BACKENDS}
    for record in (json.loads(line) for data in objects.values() for line in data.splitlines()):
        assert [] == problems(record)
        found[record["worker"]["backend"]].append(record)
    assert {NODE} == {record["worker"]["node"] for record in found["k8s"]}
    return found
