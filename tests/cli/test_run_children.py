"""
``greensdk run``: which processes count, and what their record says when a signal ends them.
"""

from __future__ import annotations

import json
import os
import shlex
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import pytest

from greensdk.schema.check import problems

BURNT_S = 0.15
BURN = f"import time\nwhile time.process_time() < {BURNT_S}: pass\nopen('burnt', 'w').close()\ntime.sleep(60)\n"
FOREVER = "while :; do sleep 0.05; done"
UNTIL_BURNT = "until [ -e burnt ]; do sleep 0.05; done"

needs_linux = pytest.mark.skipif(sys.platform != "linux", reason="only Linux hands orphans to whoever asks for them")


@pytest.fixture
def server(tmp_path):
    """
    Return the words that start a server, which burns CPU seconds and then sleeps; whatever is left of it is killed.
    """
    (tmp_path / "server.py").write_text("import os\nprint(os.getpid(), file=open('pid', 'w'))\n" + BURN)
    yield f"{sys.executable} server.py"
    if Path("pid").exists():
        with suppress(ProcessLookupError):
            os.kill(int(Path("pid").read_text()), signal.SIGKILL)


def record():
    """
    Return the only record, which is a valid one.
    """
    (line,) = Path("energy.jsonl").read_text().splitlines()
    found = json.loads(line)
    assert [] == problems(found)
    return found


@needs_linux
@pytest.mark.parametrize(
    "script",
    [
        "{server} & P=$!; {until}; kill $P",
        "{server} & P=$!; {until}; kill $P; wait",
        "nohup {server} >/dev/null 2>&1 & {until}",
        "(setsid {server} >/dev/null 2>&1 &); {until}",
        "(setsid {server} >/dev/null 2>&1 &); {until}; kill $(cat pid); sleep 0.3",
        "{daemon}; {until}",
    ],
    ids=["never waited for", "waited for", "nohup", "setsid", "setsid, killed", "daemon"],
)
def test_a_server_in_the_background_counts(command, server, script):
    """
    Killed or still alive at the end, waited for or not, in the command's session or a daemon of its own.
    """
    Path("daemon.py").write_text(
        "import os, sys\nif os.fork(): os._exit(0)\nos.setsid()\nif os.fork(): os._exit(0)\n"
        "os.dup2(os.open('/dev/null', os.O_RDWR), 1)\nos.dup2(1, 2)\n"
        "os.execv(sys.executable, [sys.executable, 'server.py'])\n"
    )
    filled = script.format(server=server, until=UNTIL_BURNT, daemon=f"{sys.executable} daemon.py")
    done = command("run", "--", "sh", "-c", filled)
    assert 0 == done.returncode
    assert BURNT_S <= record()["cpu_s"] < 2 * BURNT_S + 1.0
    assert {} == record()["errors"]


@needs_linux
def test_orphans_leave_no_zombies_while_the_command_runs(command, tmp_path):
    """
    They are waited for as they end: a long command may start thousands.
    """
    (tmp_path / "count.py").write_text(
        "import os\nparent = open(f'/proc/{os.getppid()}/stat').read().split()[3]\n"
        "states = [open(f'/proc/{pid}/stat').read().rpartition(')')[2].split()[0]\n"
        "          for pid in open(f'/proc/{parent}/task/{parent}/children').read().split()]\n"
        "print(' '.join(states))\n"
    )
    done = command(
        "run", "--", "sh", "-c", f"for i in 1 2 3 4 5; do (true &); done; sleep 0.5; {sys.executable} count.py; :"
    )
    assert "Z" not in done.stdout
    assert done.stdout.strip()


def test_a_parent_that_ignores_the_end_of_children_takes_nothing_away(tmp_path):
    """
    Ignored signals are inherited: then the kernel would keep neither exit codes nor CPU time for us.
    """
    burn = f"import time\nwhile time.process_time() < {BURNT_S}: pass\nraise SystemExit(5)"
    done = subprocess.run(
        ["sh", "-c", f"trap '' CHLD; exec {sys.executable} -m greensdk run -- {sys.executable} -c \"$0\"", burn],
        check=False,
    )
    assert 5 == done.returncode
    assert record()["cpu_s"] >= BURNT_S


def test_a_signal_that_is_ignored_stays_ignored():
    """
    With nohup around it, the end of a terminal ends neither us nor the command.
    """
    script = "kill -HUP $PPID; kill -HUP $$; sleep 0.2; exit 7"
    done = subprocess.run(
        ["sh", "-c", f"trap '' HUP; exec {sys.executable} -m greensdk run -- sh -c \"$0\"", script], check=False
    )
    assert 7 == done.returncode
    assert "error" == record()["status"]


@pytest.mark.parametrize(
    ("number", "who"),
    [(signal.SIGTERM, "$PPID"), (signal.SIGTERM, "$$"), (signal.SIGHUP, "$PPID"), (signal.SIGINT, "$$")],
)
def test_what_a_signal_ended_is_cancelled(command, number, who):
    """
    Whether we got it and passed it on, or the command got it itself.
    """
    done = command("run", "--", "sh", "-c", f"kill -{int(number)} {who}; {FOREVER}")
    assert 128 + number == done.returncode
    assert ("cancelled", "Terminated") == (record()["status"], record()["error_type"])


@pytest.mark.parametrize(
    ("name", "code", "status"), [("TERM", 0, "cancelled"), ("INT", 0, "ok"), ("INT", 1, "cancelled")]
)
def test_a_command_that_cleans_up_was_cancelled_too(command, name, code, status):
    """
    But after an interrupt many programs go on, and end well: a shell, an interpreter.
    """
    script = f"trap 'exit {code}' {name}; kill -{name} $PPID; {FOREVER}"
    assert code == command("run", "--", "sh", "-c", script).returncode
    assert status == record()["status"]


@pytest.mark.parametrize("words", [["docker", "run", "alpine"], ["sh", "-c", "set -e; ./docker run alpine"]])
def test_containers_of_a_daemon_are_said_to_be_missing(command, tmp_path, words):
    """
    Their processes are the daemon's, here one that was there before.
    """
    client = tmp_path / "docker"
    client.write_text("#!/bin/sh\necho go > orders\nread done < answers\n")
    client.chmod(0o755)
    os.mkfifo("orders")
    os.mkfifo("answers")
    work = f"import time\nwhile time.process_time() < {BURNT_S}: pass"
    with subprocess.Popen(["sh", "-c", f"read go < orders; {sys.executable} -c '{work}'; echo done > answers"]):
        command("run", "--", *words, PATH=f"{tmp_path}:{os.environ['PATH']}")
    assert record()["errors"]["containers"].startswith("docker has a daemon start its processes")
    assert record()["cpu_s"] < BURNT_S


def test_other_commands_have_no_such_note(command):
    """
    A word in a text is no program.
    """
    command("run", "--", "echo", "docker")
    assert {} == record()["errors"]


JOB = """
from greensdk import energy_tracked

@energy_tracked
def work():
    return sum(range(100_000))

work()
"""


@needs_linux
@pytest.mark.parametrize(
    "around", ["{job}", "sh -c '{job}; :'", "sh -c '(setsid {job} &); sleep 1'", "{again} {job}"], ids=str.split
)
def test_the_calls_of_a_command_know_that_it_is_around_them(command, tmp_path, around):
    """
    By their ancestors and by what was handed on: directly, through a shell, as an orphan, through another `run`.
    """
    (tmp_path / "job.py").write_text(JOB)
    again = f"{sys.executable} -m greensdk run --label inner --"
    command("run", "--label", "outer", "--", *shlex.split(around.format(job=f"{sys.executable} job.py", again=again)))
    *inside, outer = [json.loads(line) for line in Path("energy.jsonl").read_text().splitlines()]
    assert "outer" == outer["label"]
    for each in inside:
        assert [] == problems(each)
        assert [outer["process"]["pid"], outer["process"]["started_s"]] in each["process"]["ancestors"]
    handed = {each["process"]["parent_id"] for each in inside}
    assert outer["record_id"] in handed
    assert len(inside) == len(handed)
