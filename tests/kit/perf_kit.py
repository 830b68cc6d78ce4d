"""
Fake PMUs for tests, a window on one, a perf that a test configures, and a process without perf_event_open.
"""

from __future__ import annotations

import ctypes
import errno
import os
import shutil
import struct
from contextlib import contextmanager
from pathlib import Path

import psutil
from greensdk_perf import PerfMonitor
from greensdk_perf.syscall import NUMBERS
from rights_kit import need, need_root

from greensdk.testing.pmu import FakePmu

PR_SET_SECCOMP, SECCOMP_MODE_FILTER = 22, 2
SECCOMP_RET_ERRNO, SECCOMP_RET_ALLOW = 0x00050000, 0x7FFF0000
"""include/uapi/linux/prctl.h and seccomp.h"""

PERF = r"""#!/bin/sh
echo "$*" >> "$0.log"
env | grep -E '^(LC_ALL|SYSFS_PATH)=' >> "$0.env"
[ -e "$0.hang" ] && { while :; do sleep 0.05; done; }
[ -e "$0.hold" ] && setsid sh -c 'echo $$ > "$0.held"; exec sleep 60' "$0" &
form= events=
while [ $# -gt 0 ]; do
  case $1 in
    -j|-x,) form=$1 ;;
    -e) events=$2; shift ;;
    --) shift; break ;;
  esac
  shift
done
case " FORMS " in
  *" $form "*) ;;
  *) echo "  Error: unknown switch ${form}" >&2; exit 129 ;;
esac
for event in $(echo "$events" | tr , ' '); do
  case " KNOWN UNSUPPORTED " in
    *" $event "*) ;;
    *) echo "event syntax error: '$event'" >&2
       echo "                     \\___ Cannot find PMU of $event. Missing kernel support?" >&2
       exit 129 ;;
  esac
done
"$@"
[ -e "$0.mute" ] && exit 0
[ -e "$0.deaf" ] && { while :; do sleep 0.05; done; }
for event in $(echo "$events" | tr , ' '); do
  value=12.500000
  case " UNSUPPORTED " in *" $event "*) value='<not supported>' ;; esac
  if [ "$form" = -j ]; then
    echo "{\"socket\" : \"S0\", \"aggregate-number\" : 1, \"counter-value\" : \"$value\", \"unit\" : \"Joules\"," \
      "\"event\" : \"$event\", \"event-runtime\" : 50000000, \"pcnt-running\" : 100.00}" >&2
  else
    echo "S0,1,${value%0000},Joules,$event,50000000,100.00,," >&2
  fi
done
"""
"""perf stat as tools/perf/builtin-stat.c does it, for the events of a test, without counting anything."""

SUDO = r"""#!/bin/sh
echo "$*" >> "$0.log"
[ -e "$0.refuses" ] && { echo "sudo: a password is required" >&2; exit 1; }
[ "$1" = -n ] && shift
exec "$@"
"""


def counting(path, **options) -> FakePmu:
    """
    A PMU whose joules the test counts.
    """
    need_root()
    return FakePmu(path, **options)


def two_cpus() -> None:
    """
    Skip the test where there is one CPU only.
    """
    need(len(os.sched_getaffinity(0)) > 1, "two CPUs")


def real_perf() -> str:
    """
    Return the path of the program perf.
    """
    need_root()
    path = shutil.which("perf")
    need(path, "the program perf")
    return str(path)


@contextmanager
def opened(pmu, **options):
    """
    An open monitor on `pmu` for which no window is too short.
    """
    monitor = PerfMonitor(root=pmu.root, **{"update_interval_s": 0, **options})
    monitor.open()
    try:
        yield monitor
    finally:
        monitor.close()


def window(pmu, inside=lambda: None, **options):
    """
    The reading of one window in which `inside` happens.
    """
    with opened(pmu, **options) as monitor:
        token = monitor.start()
        inside()
        return monitor.stop(token)


def stat_window(monitor, inside=lambda: None):
    """
    The reading of one window of the monitor that runs perf.
    """
    monitor.open()
    try:
        token = monitor.start()
        inside()
        return monitor.stop(token)
    finally:
        monitor.close()


def program(folder, text: str, name: str) -> Path:
    """
    Write a program that can be run.
    """
    Path(folder).mkdir(exist_ok=True)
    file = Path(folder, name)
    file.write_text(text)
    file.chmod(0o755)
    return file


def fake_perf(folder, known, *, unsupported=(), forms=("-j", "-x,")) -> Path:
    """
    Write a perf that knows these events and forms of output.

    It notes its arguments in ``perf.log`` beside it; with ``perf.hang`` there it does nothing, with ``perf.mute`` it
    says nothing, with ``perf.deaf`` it does not end, and with ``perf.hold`` it leaves a process behind, whose number is
    in ``perf.held``.
    """
    text = PERF.replace("FORMS", " ".join(forms)).replace("UNSUPPORTED", " ".join(unsupported))
    return program(folder, text.replace("KNOWN", " ".join(known)), "perf")


def without_perf_events(function, *args):
    """
    Return what `function` returns where perf_event_open fails with EPERM, as in a container. Ends no more.
    """
    call = NUMBERS[os.uname().machine]
    # seccomp_data begins with the number: load it, and compare.
    code = (
        struct.pack("=HBBI", 0x20, 0, 0, 0)
        + struct.pack("=HBBI", 0x15, 0, 1, call)
        + struct.pack("=HBBI", 0x06, 0, 0, SECCOMP_RET_ERRNO | errno.EPERM)
        + struct.pack("=HBBI", 0x06, 0, 0, SECCOMP_RET_ALLOW)
    )
    buffer = ctypes.create_string_buffer(code, len(code))
    libc = ctypes.CDLL(None, use_errno=True)
    head = ctypes.create_string_buffer(struct.pack("HxxxxxxP", 4, ctypes.addressof(buffer)))
    if libc.prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, head, 0, 0) < 0:
        raise OSError(ctypes.get_errno(), "seccomp")
    return function(*args)


def children() -> set[int]:
    """
    Return the ids of all descendants of this process, zombies too.
    """
    return {child.pid for child in psutil.Process().children(recursive=True)}


def descriptors() -> set[str]:
    """
    Return the numbers of the open descriptors of perf events and of test's files; threads of libraries have others.
    """
    return {number for number in os.listdir("/proc/self/fd") if _is_ours(number)}


def _is_ours(number: str) -> bool:
    try:
        target = os.readlink(f"/proc/self/fd/{number}")
    except OSError:
        return False
    return "perf_event" in target or "pytest-of-" in target
