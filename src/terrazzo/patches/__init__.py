"""Patches: cut, written, read and split."""
