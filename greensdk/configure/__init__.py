"""
What was asked for, and who offers it.
"""
