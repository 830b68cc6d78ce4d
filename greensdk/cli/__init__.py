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
    "demo": "greensdk_workloads.demo:demo",
    "run": "greensdk.cli.run:run",
    "report": "greensdk.cli.report:report",
    "compare": "greensdk.cli.compare:compare",
    "diff": "greensdk.cli.diff:diff",
    "query": "greensdk.cli.query:query",
    "compact": "greensdk.cli.compact:compact",
    "export": "greensdk.cli.export:export",
    "import": "greensdk.cli.import_:import_",
    "advise": "greensdk.cli.advise:advise",
    "study": "greensdk_workloads.studies.command:study",
    "validate": "greensdk.cli.validate:validate",
    "calibrate": "greensdk.cli.calibrate:calibrate",
    "verify": "greensdk.cli.verify:verify",
    "agent": "greensdk_ebpf.agent.command:agent",
    "k8s": "greensdk_lithops.k8s.command:k8s",
    "lambda": "greensdk_lithops.aws_lambda.command:aws_lambda",
    "plugins": "greensdk.cli.plugins:plugins",
    "schema": "greensdk.cli.schema:schema",
}
"""Name to ``module:attribute``, in the order of ``greensdk --help``."""

USAGE_ERROR = 2
"""The exit code for what the user can correct: arguments, configuration, files."""


class Cli(click.Group):
    """
    All commands: the built-in ones, imported when they are used, then those that plugins add.
    """

    extended = False

    def list_commands(self, ctx: click.Context) -> list[str]:
        """
        Return all names, those from plugins last.
        """
        self.add_plugin_commands()
        return [*COMMANDS, *(name for name in super().list_commands(ctx) if name not in COMMANDS)]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """
        Return one command; plugins are loaded only for a name that is not built in.
        """
        if cmd_name in COMMANDS:
            command: click.Command = load(COMMANDS[cmd_name])
            return command
        self.add_plugin_commands()
        return super().get_command(ctx, cmd_name)

    def add_plugin_commands(self) -> None:
        """
        Add the commands of plugins, once.
        """
        if not self.extended:
            self.extended = True
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
        Run a command; an error that the user can correct is one line on standard error, never a traceback.
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
            # The reader of the pipe has closed it; keep the interpreter from flushing into it at exit.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            code = 141
        except OSError as error:
            code = complain(f"{error.filename or 'greensdk'}: {error.strerror or error}")
        sys.exit(code if isinstance(code, int) else 0)


def complain(text: str) -> int:
    """
    Print an error on one line, and return the exit code for it.
    """
    from greensdk.report.text import shown

    click.echo(shown(f"greensdk: {' '.join(line.strip() for line in text.splitlines())}"), err=True)
    return USAGE_ERROR


@contextmanager
def _warnings_as_lines() -> Iterator[None]:
    """
    Print greensdk's own warnings (a failed sink, an unmeasured call) as plain lines, without file and source line.
    """
    with warnings.catch_warnings():
        warnings.filterwarnings("always", "greensdk ", RuntimeWarning)
        default = warnings.showwarning

        def show(message: Warning | str, category: type[Warning], *where: Any, **more: Any) -> None:
            if str(message).startswith("greensdk "):
                click.echo(str(message), err=True)
            else:
                default(message, category, *where, **more)

        warnings.showwarning = show
        yield


def _with_hint(error: click.ClickException) -> str:
    context = getattr(error, "ctx", None)
    if not context:
        return error.format_message()
    message = error.format_message().strip()
    stop = "" if message.endswith((".", "?")) else "."
    return f"{message}{stop} See '{context.command_path} --help'."


@click.group(cls=Cli, invoke_without_command=True, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="greensdk", message="%(prog)s %(version)s")
@click.pass_context
def cli(context: click.Context) -> None:
    """
    Measure the energy of Python functions and commands.
    """
    if context.invoked_subcommand is None:
        click.echo(context.get_help())


def main() -> None:
    """
    Run the ``greensdk`` command.
    """
    cli(prog_name="greensdk")
