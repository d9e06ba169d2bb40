"""Pages: one file per subject; each holds its handlers and, at its end, its ``ROUTES`` (see ``web.doors``)."""
