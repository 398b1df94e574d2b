"""Commands on recipes and models."""
