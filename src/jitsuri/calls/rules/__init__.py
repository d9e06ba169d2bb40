"""Calls: what follows from a log: reading its formats, identity, threads, prompt groups, sealing of texts."""
