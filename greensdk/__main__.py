"""
``python -m greensdk`` is the ``greensdk`` command.
"""

from greensdk.cli import main

main()
