"""
``greensdk lambda image``: a Dockerfile, and two commands.
"""

from __future__ import annotations

import shlex
import subprocess
import sys
import zipfile
from importlib.util import find_spec
from pathlib import Path

import pytest
from click.testing import CliRunner
from greensdk_lithops.aws_lambda import image
from greensdk_lithops.aws_lambda.command import aws_lambda

from greensdk.errors import GreensdkError
from greensdk.version import __version__

pytestmark = pytest.mark.skipif(
    not (find_spec("lithops") and find_spec("boto3")), reason="lithops or boto3 is not installed"
)


def run(*arguments: str) -> list[str]:
    """
    Return the lines that the command prints.
    """
    done = CliRunner().invoke(aws_lambda, ["image", *arguments])
    if done.exception:
        raise done.exception
    return done.output.splitlines()


@pytest.mark.parametrize("arch", image.ARCHITECTURES)
def test_the_dockerfile_has_all_that_the_handler_needs(arch: str) -> None:
    """
    AWS' base image of this Python, this greensdk, the libraries of Lithops' layer, and Lithops' entry point.
    """
    run("--arch", arch)
    text = Path("Dockerfile").read_text()
    python = f"{sys.version_info[0]}.{sys.version_info[1]}"
    assert f"FROM public.ecr.aws/lambda/python:{python}" in text.splitlines()
    assert f"'greensdk[lithops,s3]=={__version__}'" in text
    assert {"psutil", "cloudpickle", "tblib"} <= set(text.split())
    assert 'CMD ["greensdk_lithops.aws_lambda.handler.lambda_handler"]' in text.splitlines()


def test_lithops_builds_for_x86_64() -> None:
    """
    By its own command, and the second makes the function.
    """
    assert [
        "lithops runtime build -b aws_lambda -f Dockerfile me:1",
        "lithops runtime deploy -b aws_lambda me:1",
    ] == run("--image", "me:1")


def test_docker_builds_for_arm64() -> None:
    """
    Because Lithops' command would build for x86_64.
    """
    *notes, build, deploy = run("--arch", "arm64", "--out", "arm.Dockerfile")
    assert {"--platform", "linux/arm64", "arm.Dockerfile"} <= set(shlex.split(build))
    assert deploy.startswith("lithops runtime deploy -b aws_lambda ")
    assert any("architecture: arm64" in note for note in notes)


def test_the_command_for_the_zip_file_makes_what_the_dockerfile_unpacks(tmp_path: Path) -> None:
    """
    With the entry point at its root.
    """
    words = shlex.split(image.handler_zip())
    subprocess.run([sys.executable, *words[1:]], cwd=tmp_path, check=True, timeout=600, capture_output=True)
    (made,) = tmp_path.glob("*.zip")
    assert f"COPY {made.name} " in image.dockerfile("arm64", "greensdk")
    with zipfile.ZipFile(made) as found:
        assert {"entry_point.py", "lithops/__init__.py"} <= set(found.namelist())


def test_another_package_can_be_installed() -> None:
    """
    One's own wheel, for example.
    """
    run("--package", "./greensdk.whl")
    assert "'./greensdk.whl'" in Path("Dockerfile").read_text()


def test_nothing_is_written_over_unless_asked() -> None:
    """
    With what to do in the message.
    """
    Path("Dockerfile").write_text("mine")
    with pytest.raises(GreensdkError, match="Dockerfile exists: choose another file with --out"):
        run()
    assert "mine" == Path("Dockerfile").read_text()
    run("--force")
    assert "mine" != Path("Dockerfile").read_text()
