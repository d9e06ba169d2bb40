"""How logs come in from files: opening, unpacking, splitting into records. Constant memory, whatever the file."""
