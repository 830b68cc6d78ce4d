"""
Large tables of CPU parts, loaded when a name asks for them.

They are modules, not CSV files, because Lithops ships only ``*.py`` to its workers.
"""
