"""
The measured path: from a call to its record.
"""
