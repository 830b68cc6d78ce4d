"""
``greensdk run``: the command's own input, output and exit code, and a record of what it cost.
"""

from __future__ import annotations

import json
import os
import pty
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from greensdk.schema.check import problems


def records(path="energy.jsonl"):
    """
    Return the records in a file.
    """
    return [json.loads(line) for line in Path(path).read_text().splitlines()]


def start(*words, **options):
    """
    Start ``greensdk run -- WORDS`` and leave it running.
    """
    return subprocess.Popen(
        [sys.executable, "-m", "greensdk", "run", "--", *words],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        **options,
    )


@pytest.mark.parametrize("code", [0, 255])
def test_the_exit_code_is_the_commands(command, code):
    """
    And the record says how it ended.
    """
    done = command("run", "--", sys.executable, "-c", f"raise SystemExit({code})")
    assert code == done.returncode
    (record,) = records()
    assert ("error" if code else "ok") == record["status"]
    assert [] == problems(record)


def test_a_command_that_dies_of_a_signal_exits_as_in_a_shell(command):
    """
    128 and the signal's number.
    """
    done = command("run", "--", "sh", "-c", "kill -9 $$")
    assert 137 == done.returncode
    assert "error" == records()[0]["status"]


def test_input_output_and_errors_are_the_commands_own():
    """
    Bytes go through untouched; our own line is the last on standard error.
    """
    child = start("sh", "-c", "cat; echo oops >&2")
    out, err = child.communicate("a\nb")
    assert "a\nb" == out
    assert "oops" == err.splitlines()[0]
    assert 2 == len(err.splitlines())


def test_the_last_line_has_the_energy_and_the_path_of_the_record(command, tmp_path):
    """
    Joules with their interval, source and quality, seconds, CPU seconds and an absolute path, on one line.
    """
    done = command("run", "--label", "mine", "--", "true")
    (line,) = done.stderr.splitlines()
    (record,) = records()
    assert line.startswith("greensdk: ")
    assert line.endswith(f"record in {tmp_path / 'energy.jsonl'}")
    assert f"{record['duration_s']:.3f} s, CPU {record['cpu_s']:.3f} s" in line
    assert f"{record['energy_source']}, {record['energy_quality']}" in line or record["reason"] in line
    assert "mine" == record["label"]


def test_the_commands_cpu_seconds_are_counted(command):
    """
    A child of the command too; the resources are full.
    """
    burn = "import time\nwhile time.process_time() < 0.2: pass"
    done = command("run", "--", "sh", "-c", f"{sys.executable} -c '{burn}'; true")
    assert 0 == done.returncode
    (record,) = records()
    assert record["cpu_s"] >= 0.2
    assert record["resources"]["rss_bytes"] > 0


def test_the_record_has_the_commands_name_and_none_of_its_arguments(command):
    """
    Arguments may hold secrets.
    """
    command("run", "--", shutil.which("sh"), "-c", "true", "--password", "hunter2")
    assert "sh" == records()[0]["function"]
    assert "hunter2" not in Path("energy.jsonl").read_text()


def test_options_after_the_command_are_the_commands(command):
    """
    With ``--`` and without.
    """
    for words in (["--", "sh", "-c", "exit 4"], ["sh", "-c", "exit 4"], ["--label", "x", "sh", "-c", "exit 4"]):
        assert 4 == command("run", *words).returncode


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_a_signal_is_passed_on_and_the_record_is_written(number):
    """
    The command may clean up; its exit code counts.
    """
    script = f"""
import os, signal, sys, time
signal.signal({int(number)}, lambda *_: (os.write(1, b"cleaned\\n"), sys.exit(9)))
print("ready", flush=True)
while True:
    time.sleep(0.05)
"""
    child = start(sys.executable, "-c", script, start_new_session=True)
    assert "ready\n" == child.stdout.readline()
    child.send_signal(number)
    out, err = child.communicate(timeout=600)
    assert "cleaned\n" == out
    assert 9 == child.returncode
    assert "Traceback" not in err
    assert 1 == len(records())


def test_a_signal_that_the_command_does_not_catch_ends_both(tmp_path):
    """
    128 + 15, and no process is left.
    """
    child = start("sh", "-c", "echo $$; exec sleep 60", start_new_session=True)
    pid = int(child.stdout.readline())
    child.send_signal(signal.SIGTERM)
    child.communicate(timeout=600)
    assert 143 == child.returncode
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)
    assert 1 == len(records())


def test_a_typed_interrupt_reaches_the_command_once(tmp_path):
    """
    A terminal sends it to all processes in the foreground; passing it on as well would interrupt the clean-up.
    """
    script = """
import signal, sys, time
count = 0
def count_up(*_):
    global count
    count += 1
signal.signal(signal.SIGINT, count_up)
print("ready", flush=True)
end = time.monotonic() + 600
while not count and time.monotonic() < end:
    time.sleep(0.02)
time.sleep(0.5)
print("interrupts:", count, flush=True)
"""
    pid, terminal = pty.fork()
    if pid == 0:
        os.execv(sys.executable, [sys.executable, "-m", "greensdk", "run", "--", sys.executable, "-c", script])
    text = read_until(terminal, b"ready")
    os.write(terminal, b"\x03")
    text += read_until(terminal, b"record in")
    _, status = os.waitpid(pid, 0)
    os.close(terminal)
    assert b"interrupts: 1" in text
    assert 0 == os.waitstatus_to_exitcode(status)
    assert 1 == len(records())


def read_until(terminal, mark):
    """
    Return what a terminal shows up to and including `mark`.
    """
    text, end = b"", time.monotonic() + 600
    while mark not in text and time.monotonic() < end:
        text += os.read(terminal, 4096)
    return text


@pytest.mark.parametrize("blocked_by", ["file", "folder"])
def test_an_unwritable_destination_stops_it_before_the_command_runs(command, tmp_path, blocked_by):
    """
    A file where a folder should be, and a folder where a file should be: root may write everywhere else.
    """
    (tmp_path / "taken").write_text("")
    out = str(tmp_path / "taken" / "energy.jsonl") if blocked_by == "file" else str(tmp_path)
    done = command("run", "--out", out, "--", "touch", "ran")
    assert 2 == done.returncode
    (line,) = done.stderr.splitlines()
    assert line.startswith(f"greensdk: {out}: ")
    assert "--out" in line
    assert not Path("ran").exists()


def test_where_the_default_file_can_not_be_written_the_spool_takes_the_record(command, tmp_path):
    """
    The command runs all the same, and nothing is lost.
    """
    (tmp_path / "energy.jsonl").mkdir()
    done = command("run", "--", "sh", "-c", "exit 3")
    assert 3 == done.returncode
    first, last = done.stderr.splitlines()
    assert "greensdk could not write to energy.jsonl" in first
    assert last.endswith("record spooled")
    (spooled,) = (tmp_path / f"greensdk-spool-{os.getuid()}").glob("*.jsonl")
    assert 1 == len(records(spooled))


@pytest.mark.parametrize(
    ("name", "problem"), [("no-such-command", "no such command"), ("./data.txt", "is not executable")]
)
def test_a_command_that_is_not_there_is_one_line(command, tmp_path, name, problem):
    """
    Nothing is run and nothing is written.
    """
    (tmp_path / "data.txt").write_text("data")
    done = command("run", "--", name)
    assert 2 == done.returncode
    assert f"greensdk: run: {name}: {problem}; nothing was run\n" == done.stderr
    assert not Path("energy.jsonl").exists()


def test_a_file_that_the_kernel_can_not_run_is_one_line(command, tmp_path):
    """
    Executable, but no program.
    """
    (tmp_path / "broken").write_bytes(b"\x00\x01")
    (tmp_path / "broken").chmod(0o755)
    done = command("run", "--", "./broken")
    assert 2 == done.returncode
    assert done.stderr.endswith("Exec format error; nothing was run\n")
    assert 1 == len(done.stderr.splitlines())


def test_several_sinks_can_be_named_by_the_configuration(command, tmp_path):
    """
    The summary names all of them; the record goes to all of them, and says in each what measuring took until then.
    """
    done = command("run", "true", GREENSDK_SINK="a.jsonl,file:b.jsonl,stdout:")
    assert done.stderr.endswith(f"record in {tmp_path / 'a.jsonl'}, {tmp_path / 'b.jsonl'}, stdout:\n")
    first, second, third = records("a.jsonl")[0], records("b.jsonl")[0], json.loads(done.stdout)
    assert first.pop("overhead_s") < second.pop("overhead_s") < third.pop("overhead_s")
    assert first == second == third


def test_measuring_switched_off_leaves_only_the_command(command):
    """
    GREENSDK_DISABLED: no record, no line.
    """
    done = command("run", "--", "sh", "-c", "exit 6", GREENSDK_DISABLED="1")
    assert (6, "") == (done.returncode, done.stderr)
    assert not Path("energy.jsonl").exists()


def test_with_unknown_energy_the_line_says_why(command):
    """
    None and a reason, never 0.
    """
    done = command("run", "true", GREENSDK_MONITORS="rapl", GREENSDK_RAPL_ROOT="/nonexistent")
    assert "energy unknown (rapl: " in done.stderr
    assert records()[0]["energy_j"] is None
