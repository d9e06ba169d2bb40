"""How the outside is reached: dictionaries, own checks, the slow path."""
