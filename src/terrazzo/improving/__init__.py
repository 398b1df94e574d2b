"""Models made better for places that they were not trained on."""
