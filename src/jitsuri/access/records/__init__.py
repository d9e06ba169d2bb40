"""How people, sessions, links, failures and departments are kept."""
