"""
Tables of prices. Modules, not CSV files, because Lithops ships only ``*.py`` to its workers.
"""
