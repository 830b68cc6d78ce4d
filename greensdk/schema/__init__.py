"""
What a record may hold: the table of its keys, a checker, and the flat names.
"""
