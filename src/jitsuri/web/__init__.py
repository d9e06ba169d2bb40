"""Web 画面: how people reach us. Doors, pages, templates; every text comes from ``words``."""
