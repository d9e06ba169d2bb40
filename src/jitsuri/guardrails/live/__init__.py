"""What lives as long as the process: the policies in force, the checks, the process that runs slow ones."""
