"""The few nouns that every room shares: money, usage, periods, ids, outcomes, errors.

A word enters here only when two rooms on one floor need it. Nothing here reaches the outside.
"""
