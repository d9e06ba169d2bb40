"""One file per task: its instruction (system prompt) and how a piece of it is composed with its truth."""
