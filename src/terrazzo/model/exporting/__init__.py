"""A model file in the forms that other programs read, each compared with the model."""
