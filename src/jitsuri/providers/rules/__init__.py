"""What follows from a request and an answer: read, refused, shaped, answered on this machine. Pure."""
