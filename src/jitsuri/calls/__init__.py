"""Calls 呼出し: what was asked and answered. Formats of logs, identity of a call, threads, texts, import reports."""
