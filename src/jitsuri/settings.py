"""Settings: one frozen tree, read once from ``jitsuri.toml``."""
