"""Routing 経路: which business task a call belongs to, and (later) which variant answers it."""
