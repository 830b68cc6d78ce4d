"""
Lithops' own backend for AWS Lambda, against the service in lambda_cloud and the S3 of s3_kit.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from importlib.metadata import packages_distributions
from pathlib import Path
from typing import Any

import pytest
from lambda_api import ACCOUNT
from lambda_box import need_lambda
from lambda_cloud import Cloud, cloud
from lithops_kit import collect_leftovers
from s3_kit import Seaweed, seaweed


@cache
def staying() -> list[str]:
    """
    Return what is installed here and is no part of greensdk: much of it is loaded in a test, and would travel along.
    """
    names = [name for name in packages_distributions() if not name.startswith("greensdk")]
    return ["greensdk_workloads", *sorted(names)]


class Lithops:
    """
    What a test needs to run jobs.

    Attributes:
        cloud: Where the functions are.
        s3: Where everything else is.
    """

    def __init__(self, cloud: Cloud, s3: Seaweed) -> None:
        self.cloud = cloud
        self.s3 = s3
        self._namespace = uuid.uuid4().hex[:8]

    def config(self, memory_mb: int = 512, timeout_s: int = 60, **lithops: Any) -> dict[str, Any]:
        """
        Return a configuration of Lithops; the account is given, so that STS is not asked.
        """
        keys = {"region": "us-east-1", "access_key_id": self.s3.key, "secret_access_key": self.s3.secret}
        return {
            "lithops": {
                "backend": "aws_lambda",
                "storage": "aws_s3",
                "monitoring_interval": 0.1,
                "data_cleaner": False,
                "exclude_modules": staying(),
                **lithops,
            },
            "aws": {**keys, "account_id": ACCOUNT, "user_id": "AIDAGREENSDK"},
            "aws_lambda": {
                "execution_role": f"arn:aws:iam::{ACCOUNT}:role/lithops",
                "namespace": f"{self._namespace}-{timeout_s}",
                "runtime_memory": memory_mb,
                "runtime_timeout": timeout_s,
                "env_vars": [],
            },
            "aws_s3": {"storage_bucket": self.s3.bucket},
        }

    def executor(self, kind: Any = None, *, energy: Mapping[str, Any] | None = None, **config: Any) -> Any:
        """
        Return an executor: a measuring one, or of `kind`.
        """
        from greensdk_lithops import EnergyFunctionExecutor

        options = {} if kind else {"energy": energy}
        found = (kind or EnergyFunctionExecutor)(config=self.config(**config), log_level=None, **options)
        backend = found.compute_handler.backend
        backend.session = _Session(backend.session, f"https://{backend.host}", self.cloud.endpoint)
        self.cloud.layer_names = (backend._format_layer_name(backend._get_default_runtime_name()),)
        return found

    def kinds(self) -> list[str]:
        """
        Return how the invocations that are over came out.
        """
        functions = list(self.cloud.functions.values())
        return [result.kind for function in functions for result in list(function.invocations.values())]

    def function(self, memory_mb: int = 512) -> Any:
        """
        Return the function of a size that has been made last.
        """
        sizes = [each for each in self.cloud.functions.values() if each.request["MemorySize"] == memory_mb]
        return sizes[-1]


@contextmanager
def lithops_on_lambda(folder: Path) -> Iterator[Lithops]:
    """
    Yield Lithops with a Lambda and an S3 on this machine; both are gone afterwards, whatever happens.
    """
    need_lambda()
    with pytest.MonkeyPatch.context() as patch, seaweed(folder) as s3:
        role = s3.environment()
        address = ("127.0.0.1", s3.ports["s3"])
        with cloud(folder / "lambda", role, (address,)) as service:
            for name, value in {**role, "AWS_ENDPOINT_URL_LAMBDA": service.endpoint}.items():
                patch.setenv(name, value)
            (folder / "cwd").mkdir()
            patch.chdir(folder / "cwd")  # where Lithops packs its zip files
            patch.setattr("lithops.storage.storage.CACHE_DIR", str(folder / "cache"))
            try:
                yield Lithops(service, s3)
            finally:
                collect_leftovers()


class _Session:
    """
    Sends to the stand-in what Lithops' ``invoke`` addresses to AWS without asking.
    """

    def __init__(self, inner: Any, there: str, here: str) -> None:
        self._inner, self._there, self._here = inner, there, here

    def send(self, request: Any) -> Any:
        request.url = request.url.replace(self._there, self._here)
        return self._inner.send(request)
