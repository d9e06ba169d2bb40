"""Which task a call belongs to, and what a new task might be called."""
