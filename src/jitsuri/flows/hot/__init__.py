"""What happens on the path of a call. Async; sees snapshots and hands rows to the group commit, never a connection."""
