"""What checks see and what follows from it: pure functions."""
