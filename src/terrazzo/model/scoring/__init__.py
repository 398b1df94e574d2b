"""What a model is worth on patches: patches that fit it, and its mean IoU on them."""
