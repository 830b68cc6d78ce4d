"""
A decorated function on arm64, as far as an emulator shows: that it runs, not what it costs.

Only where it is asked for, because the parts are half a gigabyte and take a minute to get::

    apt-get install qemu-user-static mmdebstrap
    mmdebstrap --variant=extract --architectures=arm64 --include=python3.11,libstdc++6 bookworm ROOT
    pip install --platform manylinux2014_aarch64 --platform manylinux_2_28_aarch64 --python-version 3.11 \\
        --only-binary :all: --target ROOT/site awslambdaric
    LAMBDA_ARM64_ROOT=ROOT pytest tests/adapters/aws_lambda/test_lambda_arm64.py
"""

from __future__ import annotations

import importlib
import json
import os
import shutil
import socket
import subprocess
import threading
from pathlib import Path

import pytest
from lambda_api import RuntimeApi, event
from rights_kit import need

ROOT = os.environ.get("LAMBDA_ARM64_ROOT")
PACKAGES = ("greensdk", "greensdk_aws_lambda", "greensdk_cost", "greensdk_lambda_estimator", "greensdk_rapl")
SOURCE = """
import platform
from greensdk import energy_tracked

@energy_tracked(monitors=["rapl", "lambda-estimator"])
def handler(event, context):
    return sum(range(200_000)), platform.machine()
"""

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not ROOT, reason="LAMBDA_ARM64_ROOT is not set"),
]


def environment(task: Path, address: tuple[str, int]) -> dict[str, str]:
    """
    Return what the handler and the other machine's Python need.
    """
    return {
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "1769",
        "AWS_LAMBDA_FUNCTION_NAME": "work",
        "AWS_LAMBDA_RUNTIME_API": f"{address[0]}:{address[1]}",
        "AWS_REGION": "us-east-1",
        "PYTHONHOME": "/usr",
        "PYTHONPATH": f"{task}:{Path(str(ROOT), 'site').resolve()}",
        "_HANDLER": "app.handler",
    }


def test_a_decorated_function_leaves_its_record_on_arm64(tmp_path: Path) -> None:
    """
    With the watts and the price of that architecture.
    """
    need(shutil.which("qemu-aarch64-static"), "qemu-user-static")
    for name in PACKAGES:
        folder = Path(str(importlib.import_module(name).__file__)).parent
        shutil.copytree(folder, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__"))
    (tmp_path / "app.py").write_text(SOURCE)
    root = Path(str(ROOT)).resolve()
    python = ["qemu-aarch64-static", "-L", str(root), str(root / "usr/bin/python3.11")]
    with RuntimeApi(socket.create_server(("127.0.0.1", 0)), "work") as api:
        server = threading.Thread(target=api.serve_forever, args=(0.05,))
        server.start()
        try:
            with subprocess.Popen(
                [*python, "-m", "awslambdaric", "app.handler"],
                env=environment(tmp_path, api.server_address),  # type: ignore[arg-type]
                cwd=tmp_path,
                stdout=subprocess.PIPE,
                text=True,
            ) as process:
                try:
                    api.events.put(event(b"{}"))
                    path, body = api.answers.get(timeout=600)
                finally:
                    process.kill()
                    api.events.put(None)
                printed = process.communicate()[0]
        finally:
            api.shutdown()
            server.join()
    assert (True, "aarch64") == (path.endswith("/response"), json.loads(body)[1])
    (record,) = [json.loads(line) for line in printed.splitlines() if line.startswith("{")]
    assert ("lambda-estimator", "aarch64", "arm64") == (
        record["energy_source"],
        record["host"]["arch"],
        record["cost"]["architecture"],
    )
    assert record["energy_j"] > 0
    assert record["errors"]["rapl"]
