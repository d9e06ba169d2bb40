"""How calls, import reports, threads and texts are kept."""
