"""
From a record to where it is kept: sinks, lines, the spool, delivery.
"""
