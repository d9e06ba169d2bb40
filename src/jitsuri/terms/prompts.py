"""What a task's prompt may say of the caller's own."""

from __future__ import annotations

CALLER = "{{caller}}"
"""Stands once in a task's prompt for the system prompt that the request brought, which else is replaced (decision 0036)."""
