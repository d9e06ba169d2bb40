"""Cold stories: import, propose, price again, view, back up. Synchronous, on threads."""
