"""Photos to class maps and overlays."""
