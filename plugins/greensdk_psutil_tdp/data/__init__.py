"""
Tables of CPU parts. Modules, not CSV files, because Lithops ships only ``*.py`` to its workers.
"""
