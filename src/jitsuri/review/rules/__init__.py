"""What follows from pairs and labels. Pure."""
