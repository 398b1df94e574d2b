"""Patches: cut from images with labels, written to a folder, read again, and divided."""
