"""Evidence 証跡: what was done, by whom, when. Append, seal in order, verify."""
