"""Commands that make maps."""
