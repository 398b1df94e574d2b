"""How far an image is from a model's training data, by what the encoder sees."""
