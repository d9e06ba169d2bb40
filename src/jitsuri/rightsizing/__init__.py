"""Right-sizing 適正化: which cheaper candidate could answer, and what a proof would cost."""
