"""
A pytest plugin that measures every function of every Lithops executor: ``pytest -p lithops_tracked``.
"""

from __future__ import annotations

import lithops
from greensdk_lithops import instrument

instrument(lithops.FunctionExecutor)
