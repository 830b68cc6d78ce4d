"""
The command line. One module per command; each is imported when it is needed.
"""

from __future__ import annotations

import os
import sys
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import click

from greensdk.configure.targets import load
from greensdk.errors import GreensdkError
from greensdk.version import __version__

COMMANDS = {
    "doctor": "greensdk.cli.doctor:doctor",
    "demo": "greensdk.cli.demo:demo",
    "run": "greensdk.cli.run:run",
    "report": "greensdk.cli.report:report",
    "compare": "greensdk.cli.compare:compare",
    "query": "greensdk.cli.query:query",
    "export": "greensdk.cli.export:export",
    "import": "greensdk.cli.import_:import_",
    "advise": "greensdk.cli.advise:advise",
    "study": "greensdk_workloads.studies.command:study",
    "validate": "greensdk.cli.validate:validate",
    "calibrate": "greensdk.cli.calibrate:calibrate",
    "verify": "greensdk.cli.verify:verify",
    "agent": "greensdk.cli.agent:agent",
    "k8s": "greensdk.cli.k8s:k8s",
    "lambda": "greensdk.cli.aws_lambda:aws_lambda",
    "plugins": "greensdk.cli.plugins:plugins",
    "schema": "greensdk.cli.schema:schema",
}
"""Name to ``module:attribute``, in the order of ``greensdk --help``."""

WRONG = 2
"""The exit code when the person who typed the command can put it right."""


class Cli(click.Group):
    """
    The group of all commands: our own, imported one by one, then those that plugins add.
    """

    joined = False

    def list_commands(self, ctx: click.Context) -> list[str]:
        """
        Return all names, the plugins' last.
        """
        self.join()
        return [*COMMANDS, *(name for name in super().list_commands(ctx) if name not in COMMANDS)]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """
        Return one command; plugins are looked for only when it is none of our own.
        """
        if cmd_name in COMMANDS:
            command: click.Command = load(COMMANDS[cmd_name])
            return command
        self.join()
        return super().get_command(ctx, cmd_name)

    def join(self) -> None:
        """
        Let the plugins add their commands, once.
        """
        if not self.joined:
            self.joined = True
            from greensdk.configure.plugins import load_plugins

            load_plugins().commands(self)

    def main(
        self,
        args: Sequence[str] | None = None,
        prog_name: str | None = None,
        complete_var: str | None = None,
        standalone_mode: bool = True,
        **extra: Any,
    ) -> Any:
        """
        Run a command; what a person can put right is one line on standard error, never a traceback.
        """
        if not standalone_mode:
            return super().main(args, prog_name, complete_var, False, **extra)
        try:
            with _warnings_as_lines():
                code = super().main(args, prog_name, complete_var, False, **extra)
            sys.stdout.flush()
        except click.Abort:
            code = 130
        except click.ClickException as error:
            code = complain(_with_hint(error))
        except GreensdkError as error:
            code = complain(str(error))
        except BrokenPipeError:
            # Whoever read our output has seen enough; keep the interpreter from flushing into the pipe at exit.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            code = 141
        except OSError as error:
            code = complain(f"{error.filename or 'greensdk'}: {error.strerror or error}")
        sys.exit(code if isinstance(code, int) else 0)


def complain(text: str) -> int:
    """
    Say what is wrong, in one line, and return the exit code for it.
    """
    click.echo(f"greensdk: {' '.join(line.strip() for line in text.splitlines())}", err=True)
    return WRONG


@contextmanager
def _warnings_as_lines() -> Iterator[None]:
    """
    Print our own warnings (a sink that failed, a call that went unmeasured) as lines for a person.
    """
    with warnings.catch_warnings():
        warnings.filterwarnings("always", "greensdk ", RuntimeWarning)
        usual = warnings.showwarning

        def show(message: Warning | str, category: type[Warning], *where: Any, **more: Any) -> None:
            if str(message).startswith("greensdk "):
                click.echo(str(message), err=True)
            else:
                usual(message, category, *where, **more)

        warnings.showwarning = show
        yield


def _with_hint(error: click.ClickException) -> str:
    context = getattr(error, "ctx", None)
    if not context:
        return error.format_message()
    said = error.format_message().strip()
    stop = "" if said.endswith((".", "?")) else "."
    return f"{said}{stop} See '{context.command_path} --help'."


@click.group(cls=Cli, invoke_without_command=True, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="greensdk", message="%(prog)s %(version)s")
@click.pass_context
def cli(context: click.Context) -> None:
    """
    See what a Python function, or any command, costs in joules.
    """
    if context.invoked_subcommand is None:
        click.echo(context.get_help())


def main() -> None:
    """
    Run the ``greensdk`` command.
    """
    cli(prog_name="greensdk")
