"""
``greensdk k8s``.
"""

from __future__ import annotations

import click

from greensdk.cli.extras import need

IMAGE = "docker.io/you/greensdk:latest"


@click.group()
def k8s() -> None:
    """
    What measuring on Kubernetes takes: manifests, and an image for Lithops.
    """


@k8s.command()
@click.option("--variant", type=click.Choice(["restricted", "privileged"]), default="restricted", show_default=True)
@click.option("--all-privileges", is_flag=True, help="With privileged: every right instead of four capabilities.")
@click.option("--agent", is_flag=True, help="Add the DaemonSet that runs greensdk's agent on each node.")
@click.option("--rapl", is_flag=True, help="With --agent: it opens the energy counters to its group.")
@click.option(
    "--coarsen", type=click.FloatRange(min=1), metavar="MS", help="With --agent: not the counters but copies."
)
@click.option("--group", type=click.IntRange(min=1), default=4242, show_default=True, help="The agent's group.")
@click.option("--image", default=IMAGE, show_default=True, help="An image with greensdk in it.")
@click.option("--name", default="greensdk", show_default=True)
@click.option("--namespace", default="default", show_default=True)
@click.option("--cpu", default="1", show_default=True, help="What a worker gets of CPU.")
@click.option("--memory", default="512Mi", show_default=True, help="What a worker gets of memory.")
@click.option("--sink", default="stdout:", show_default=True, help="Where the records go.")
@click.option("--sysfs", default="/sys", show_default=True, metavar="DIR", help="Where the nodes have it.")
@click.option("--node-selector", multiple=True, metavar="KEY=VALUE", help="A label that nodes must have.")
@click.argument("command", nargs=-1)
def manifest(
    variant: str,
    all_privileges: bool,
    agent: bool,
    rapl: bool,
    coarsen: float | None,
    group: int,
    image: str,
    name: str,
    namespace: str,
    cpu: str,
    memory: str,
    sink: str,
    sysfs: str,
    node_selector: tuple[str, ...],
    command: tuple[str, ...],
) -> None:
    """
    Print a Job that runs COMMAND (default: greensdk doctor) in a pod that can measure.

    For `kubectl apply -f -`. The same is added to the pods of Lithops by the table k8s of an executor's settings.
    """
    need("yaml", "k8s manifest")
    from greensdk_lithops.k8s import manifests
    from greensdk_lithops.k8s.settings import read

    from greensdk.errors import ConfigError

    if (rapl or coarsen) and not agent:
        raise ConfigError(f"k8s manifest: {'--coarsen' if coarsen else '--rapl'} goes with --agent")
    table = {
        "variant": variant,
        "all_privileges": all_privileges,
        "agent": agent,
        "group": group,
        "coarsen_ms": coarsen,
        "sysfs": sysfs,
        "node_selector": dict(_pair(each) for each in node_selector),
    }
    settings = read(table, "k8s manifest")
    place = manifests.Place(name, namespace, image)
    worker = manifests.job(place, settings, list(command) or ["greensdk", "doctor"], cpu, memory, sink)
    found = [manifests.service_account(place)]
    if agent:
        found.append(manifests.agent(place, settings, rapl=rapl))
    click.echo(manifests.text([*found, worker]), nl=False)


def _pair(text: str) -> tuple[str, str]:
    key, equals, value = text.partition("=")
    if not (key and equals):
        raise click.BadParameter(f"{text!r}: expected KEY=VALUE", param_hint="--node-selector")
    return key, value


@k8s.command()
@click.option("--image", default=IMAGE, show_default=True, help="What the image is to be called.")
@click.option("--extras", default="", metavar="NAMES", help="Extras of greensdk to install, for example s3,nvml.")
@click.option("--package", metavar="SPEC", help="What pip installs instead of this version of greensdk.")
def dockerfile(image: str, extras: str, package: str | None) -> None:
    """
    Print the Dockerfile of Lithops' own runtime with greensdk in it; its first lines say what to do with it.
    """
    need("kubernetes", "k8s dockerfile")
    from greensdk_lithops.k8s import image as room

    click.echo(room.dockerfile(image, package or room.requirement(extras)), nl=False)
