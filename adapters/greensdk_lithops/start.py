"""
Imported at the start of every Python in an image for Kubernetes, by a ``.pth`` file; gets those ready that run calls.

See https://docs.python.org/3/library/site.html for such files. Lithops sets ``ACTION`` in its pods.
"""

import os

if os.environ.get("ACTION") in ("run_job", "start_rabbitmq"):
    from greensdk_lithops.warm import up

    up()
