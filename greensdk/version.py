"""
The version, alone in its file so that neither importlib.metadata nor the build needs more.
"""

__version__ = "0.1.0"
