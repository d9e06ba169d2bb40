"""How policies, runs and findings are kept."""
