"""Guardrails 安全確認: what stands in a text that should not go out, where, how sure, and what a task's policy does about it.

The room knows texts, checks, findings and policies; no calls, no models, no people. A check sees one text and says what it
finds; a policy says what follows; what a run found is kept without the values.
"""
