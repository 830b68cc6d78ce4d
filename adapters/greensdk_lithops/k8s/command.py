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
    Set up measuring on Kubernetes.
    """


@k8s.command()
@click.option("--variant", type=click.Choice(["restricted", "privileged"]), default="restricted", show_default=True)
@click.option("--all-privileges", is_flag=True, help="With --variant privileged: all capabilities instead of four.")
@click.option("--agent", is_flag=True, help="Add the DaemonSet that runs greensdk's agent on each node.")
@click.option("--rapl", is_flag=True, help="With --agent: let its group read the energy counters.")
@click.option(
    "--coarsen",
    type=click.FloatRange(min=1),
    metavar="MS",
    help="With --agent: copies of the counters, updated every MS ms.",
)
@click.option("--group", type=click.IntRange(min=1), default=4242, show_default=True, help="The agent's group.")
@click.option("--image", default=IMAGE, show_default=True, help="An image with greensdk in it.")
@click.option("--name", default="greensdk", show_default=True)
@click.option("--namespace", default="default", show_default=True)
@click.option("--cpu", default="1", show_default=True, help="CPU limit of a worker.")
@click.option("--memory", default="512Mi", show_default=True, help="Memory limit of a worker.")
@click.option("--sink", default="stdout:", show_default=True, help="Where the records go.")
@click.option("--sysfs", default="/sys", show_default=True, metavar="DIR", help="Where sysfs is mounted on the nodes.")
@click.option("--node-selector", multiple=True, metavar="KEY=VALUE", help="Run only on nodes with this label.")
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

    Pipe it to `kubectl apply -f -`. For pods of Lithops the table k8s of an executor's settings adds the same.
    """
    need("yaml", "k8s manifest")
    from greensdk.errors import ConfigError
    from greensdk_lithops.k8s import manifests
    from greensdk_lithops.k8s.settings import read

    if (rapl or coarsen) and not agent:
        raise ConfigError(f"k8s manifest: {'--coarsen' if coarsen else '--rapl'} needs --agent")
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
    names = manifests.Names(name, namespace, image)
    worker = manifests.job(names, settings, list(command) or ["greensdk", "doctor"], cpu, memory, sink)
    objects = [manifests.service_account(names)]
    if agent:
        objects.append(manifests.agent(names, settings, rapl=rapl))
    click.echo(manifests.text([*objects, worker]), nl=False)


def _pair(text: str) -> tuple[str, str]:
    key, equals, value = text.partition("=")
    if not (key and equals):
        raise click.BadParameter(f"{text!r}: expected KEY=VALUE", param_hint="--node-selector")
    return key, value


@k8s.command()
@click.option("--image", default=IMAGE, show_default=True, help="Name of the image.")
@click.option("--extras", default="", metavar="NAMES", help="Extras of greensdk to install, for example s3,nvml.")
@click.option("--package", metavar="SPEC", help="Requirement for pip instead of this version of greensdk.")
def dockerfile(image: str, extras: str, package: str | None) -> None:
    """
    Print a Dockerfile of Lithops' runtime with greensdk installed; its first lines say how to build it.
    """
    need("kubernetes", "k8s dockerfile")
    from greensdk_lithops.k8s import image as images

    click.echo(images.dockerfile(image, package or images.requirement(extras)), nl=False)
