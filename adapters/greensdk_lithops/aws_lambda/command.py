"""
``greensdk lambda``.
"""

from __future__ import annotations

from pathlib import Path

import click

from greensdk.cli.extras import need
from greensdk.errors import GreensdkError

COMMAND = "lambda image"


@click.group("lambda")
def aws_lambda() -> None:
    """
    Set up measuring on AWS Lambda.
    """


@aws_lambda.command()
@click.option("--arch", type=click.Choice(["x86_64", "arm64"]), default="x86_64", show_default=True)
@click.option("--image", default="greensdk:latest", show_default=True, help="Name of the image.")
@click.option("--package", metavar="SPEC", help="Requirement for pip instead of this version of greensdk.")
@click.option("--out", type=click.Path(path_type=Path), default=Path("Dockerfile"), show_default=True)
@click.option("--force", is_flag=True, help="Overwrite an existing file.")
def image(arch: str, image: str, package: str | None, out: Path, force: bool) -> None:
    """
    Write a Dockerfile of Lithops' runtime with greensdk installed, and print the two commands that use it.
    """
    need("lithops", COMMAND)
    need("boto3", COMMAND)
    from greensdk_lithops.aws_lambda import image as images

    if out.exists() and not force:
        raise GreensdkError(f"{COMMAND}: {out} exists: choose another file with --out, or overwrite it with --force")
    out.write_text(images.dockerfile(arch, package or images.requirement()))
    build, deploy = images.commands(arch, image, str(out))
    if arch == "arm64":
        click.echo("# In the configuration of Lithops, aws_lambda: {architecture: arm64}. Before the build, once:")
        click.echo(f"#   {images.handler_zip()}")
        click.echo("#   export REPOSITORY=<account>.dkr.ecr.<region>.amazonaws.com/<Lithops' package>/<image>:<tag>")
    click.echo(build)
    click.echo(deploy)
