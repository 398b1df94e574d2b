"""From patches and a recipe to a model file."""
