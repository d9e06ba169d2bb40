"""What lives as long as the process: the reader beside an import, the meters of the gateway."""
