"""The builder: puts the parts together. The only place that knows them all, and how many processes there are."""
