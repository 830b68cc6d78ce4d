"""
The advisor's recommendations as sections of a page.
"""
