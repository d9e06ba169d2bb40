"""The only builder."""
