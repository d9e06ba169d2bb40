"""Jitsuri (実利): what does each business task that uses an LLM return, in yen.

Read ARCHITECTURE.md for the picture of the house before reading code.
"""

__version__ = "0.1.0"
