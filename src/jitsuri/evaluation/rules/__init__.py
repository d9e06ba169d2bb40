"""How good is it, and how sure are we: bounds, estimates, e-processes, agreement, sample sizes. Pure."""
