"""
The container image for Lithops' workers on AWS Lambda, with greensdk installed.
"""

from __future__ import annotations

import sys

from greensdk.version import __version__

ARCHITECTURES = {"x86_64": "linux/amd64", "arm64": "linux/arm64"}
"""Lambda's name of an architecture to the container platform."""

_TEXT = """\
# AWS Lambda ({arch}), for Lithops. `lithops runtime build` makes the zip file; or see docs/lambda.md.
FROM public.ecr.aws/lambda/python:{python}

RUN pip install --no-cache-dir '{package}' {libraries}

COPY {zip} ${{LAMBDA_TASK_ROOT}}
RUN python -m zipfile -e {zip} . && rm {zip}

CMD ["greensdk_lithops.aws_lambda.handler.lambda_handler"]
"""


def requirement() -> str:
    """
    Return the requirement for pip: this version, with Lithops.
    """
    return f"greensdk[lithops,s3]=={__version__}"


def dockerfile(arch: str, package: str) -> str:
    """
    Return a Dockerfile with the libraries of Lithops' layer, `package`, and Lithops' entry point.

    The base image is AWS' own, which has the runtime client:
    https://docs.aws.amazon.com/lambda/latest/dg/python-image.html#python-image-instructions
    """
    from lithops.serverless.backends.aws_lambda.aws_lambda import LITHOPS_FUNCTION_ZIP
    from lithops.serverless.backends.aws_lambda.config import DEFAULT_REQUIREMENTS

    python = f"{sys.version_info[0]}.{sys.version_info[1]}"
    # Lithops pins urllib3 for the older SDK of its layer; pip chooses the one for the current SDK.
    libraries = " ".join(name for name in DEFAULT_REQUIREMENTS if not name.startswith("urllib3"))
    return _TEXT.format(arch=arch, python=python, package=package, libraries=libraries, zip=LITHOPS_FUNCTION_ZIP)


def commands(arch: str, image: str, file: str) -> tuple[str, str]:
    """
    Return the command that builds and pushes the image, and the one that creates the function.

    Lithops builds for x86_64 only, whatever is configured, so arm64 is built with docker.
    """
    deploy = f"lithops runtime deploy -b aws_lambda {image}"
    if arch == "x86_64":
        return f"lithops runtime build -b aws_lambda -f {file} {image}", deploy
    return (
        f"docker buildx build --platform {ARCHITECTURES[arch]} --provenance=false -f {file} -t $REPOSITORY --push .",
        deploy,
    )


def handler_zip() -> str:
    """
    Return the command that creates the zip file with Lithops' entry point, for a build without Lithops.
    """
    backend = "from lithops.serverless.backends.aws_lambda.aws_lambda import AWSLambdaBackend"
    return f'python -c "{backend}; AWSLambdaBackend._create_handler_bin(remove=False)"'
