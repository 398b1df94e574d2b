"""What a worker computes: a map, an improved model with its map, or suggestions."""
