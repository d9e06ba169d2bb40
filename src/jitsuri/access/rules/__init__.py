"""What follows from people, secrets and the department tree: rights, waits, lives, arrangements."""
