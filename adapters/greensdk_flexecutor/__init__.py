"""
Reading and writing FlexExecutor's profiles, with energy.

    >>> from greensdk_flexecutor import Profile
    >>> profile = Profile()
    >>> profile.add((1, 1024, 2), compute=[3.5, 3.6], energy=[7.0, 7.2], energy_source=["rapl", "rapl"])
    >>> profile.reps((1, 1024, 2))["energy"]
    [[7.0, 7.2]]

FlexExecutor (github.com/CLOUDLAB-URV/flexecutor) runs workflows of stages through Lithops, and stores the times of
each stage in ``profiling/<workflow>/<stage>.json``. Its models read these files with or without energy.
"""

from __future__ import annotations

from greensdk_flexecutor.profile import METRICS, Configuration, Profile, energy_of, with_energy
from greensdk_flexecutor.records import export, import_

__all__ = ["METRICS", "Configuration", "Profile", "energy_of", "export", "import_", "with_energy"]
