"""Training that starts from a model: what it takes from it, whose classes, and which old patches it keeps."""
