"""Flows: the corridors. One file per story; the only place where rooms meet."""
