"""Guardrails away from the path of a call: keeping policies, trying them on stored calls, measuring and scanning."""
