"""The label contract: what is checked before the first patch is cut."""
