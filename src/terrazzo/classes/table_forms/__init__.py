"""The forms in which people write class tables, each read into the same rows."""
