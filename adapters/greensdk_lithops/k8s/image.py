"""
The image for Lithops' workers on Kubernetes, with greensdk installed.
"""

from __future__ import annotations

import re
import sys

from greensdk.errors import GreensdkError
from greensdk.version import __version__

_HEAD = """\
# 1. greensdk k8s dockerfile --image {image} > Dockerfile
# 2. lithops runtime build -b k8s -f Dockerfile {image}
# 3. lithops runtime deploy -b k8s {image}
# In the configuration of Lithops, k8s: {{runtime: {image}}}
FROM python:{python}-slim-bookworm
"""
_START = """echo 'import greensdk_lithops.start' > \
"$(python -c 'import sysconfig; print(sysconfig.get_path("purelib"))')/greensdk_lithops.pth\""""
_USER = re.compile(r"^USER ", flags=re.MULTILINE)


def requirement(extras: str = "") -> str:
    """
    Return the requirement for pip: this version.

    Example:
        >>> requirement("s3, nvml").partition("==")[0]
        'greensdk[s3,nvml]'
    """
    names = ",".join(part.strip() for part in extras.split(",") if part.strip())
    return f"greensdk[{names}]=={__version__}" if names else f"greensdk=={__version__}"


def dockerfile(image: str, package: str) -> str:
    """
    Return the Dockerfile of the installed Lithops' default runtime, with `package` installed as root.

    Raises:
        GreensdkError: This version of Lithops has none.
    """
    from lithops.serverless.backends.k8s import config

    body = getattr(config, "DOCKERFILE_DEFAULT", None)
    if not isinstance(body, str):
        raise GreensdkError(
            "k8s dockerfile: this version of Lithops has no Dockerfile for Kubernetes: pip install 'lithops>=3.7'"
        )
    install = f"RUN pip install --no-cache-dir '{package}' && \\\n    {_START}\n\n"
    user = _USER.search(body)
    at = user.start() if user else len(body)
    python = f"{sys.version_info[0]}.{sys.version_info[1]}"
    return _HEAD.format(image=image, python=python) + body[:at] + install + body[at:]
