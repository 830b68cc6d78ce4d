"""
Tables of countries and regions. Modules, not CSV files, because Lithops ships only ``*.py`` to its workers.
"""
