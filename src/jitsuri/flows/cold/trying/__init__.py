"""Trials (試行): propose candidates, draw a sample, ask within a cap, read the result as a table, decide."""
