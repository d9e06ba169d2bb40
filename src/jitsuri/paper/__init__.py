"""Paper 書面: shapes drawn as SVG (later PDF and Excel); one drawing serves page, print and mail."""
