"""
The child process with a CPU quota: ``python -m greensdk_workloads.studies.inside TASK ANSWER GROUP``.
"""

from __future__ import annotations

import os
import pickle
import sys
from importlib import import_module
from pathlib import Path


def main(task: str, answer: str, group: str) -> None:
    """
    Make the measured calls of one stage in the cgroup `group`.
    """
    from greensdk import energy_tracked

    module, name, items, stage = pickle.loads(Path(task).read_bytes())  # noqa: S301 - written by the parent process
    fn = getattr(import_module(module), name)
    for library in getattr(import_module(module), "NEEDS", ()):
        import_module(library)
    measured = energy_tracked(label=stage, monitors=["lambda-estimator"])(fn)
    Path(group, "cgroup.procs").write_text(str(os.getpid()))
    results = [measured(*item) for item in items]
    Path(answer).write_bytes(pickle.dumps(results))


if __name__ == "__main__":
    main(*sys.argv[1:])
