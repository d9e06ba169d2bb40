"""How an upstream is reached: over HTTP, from files beside the settings, in a process of our own."""
