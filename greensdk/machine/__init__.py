"""
Which machine this is, and what runs on it.
"""
