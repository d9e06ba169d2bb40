"""What lives as long as the process: the password hasher, the keys of callers, the pace each key may keep."""
