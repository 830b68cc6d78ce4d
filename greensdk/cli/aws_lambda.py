"""
``greensdk lambda``.
"""

from __future__ import annotations

from pathlib import Path

import click

from greensdk.cli.extras import need
from greensdk.errors import GreensdkError

WHAT = "lambda image"


@click.group("lambda")
def aws_lambda() -> None:
    """
    What measuring on AWS Lambda takes: an image for Lithops.
    """


@aws_lambda.command()
@click.option("--arch", type=click.Choice(["x86_64", "arm64"]), default="x86_64", show_default=True)
@click.option("--image", default="greensdk:latest", show_default=True, help="What the image is to be called.")
@click.option("--package", metavar="SPEC", help="What pip installs instead of this version of greensdk.")
@click.option("--out", type=click.Path(path_type=Path), default=Path("Dockerfile"), show_default=True)
@click.option("--force", is_flag=True, help="Write over a file that is there.")
def image(arch: str, image: str, package: str | None, out: Path, force: bool) -> None:
    """
    Write the Dockerfile of Lithops' runtime with greensdk in it, and print the two commands that use it.
    """
    need("lithops", WHAT)
    need("boto3", WHAT)
    from greensdk_lithops.aws_lambda import image as room

    if out.exists() and not force:
        raise GreensdkError(f"{WHAT}: {out} is there already: --out another file, or --force")
    out.write_text(room.dockerfile(arch, package or room.requirement()))
    build, deploy = room.commands(arch, image, str(out))
    if arch == "arm64":
        click.echo("# In the configuration of Lithops, aws_lambda: {architecture: arm64}. Before the build, once:")
        click.echo(f"#   {room.handler_zip()}")
        click.echo("#   export REPOSITORY=<account>.dkr.ecr.<region>.amazonaws.com/<Lithops' package>/<image>:<tag>")
    click.echo(build)
    click.echo(deploy)
