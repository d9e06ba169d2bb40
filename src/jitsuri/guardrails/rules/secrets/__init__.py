"""Secrets and keys in a text: those of known vendors by how they begin, key blocks, tokens, and what stands behind a password's name."""
