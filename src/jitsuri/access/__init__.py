"""Access 入口: who may enter and do what. People, sessions, one-time links, the department tree."""
