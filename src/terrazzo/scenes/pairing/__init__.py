"""Which mask belongs to which image."""
