"""Every knob of a run: sections, shipped recipes, loss terms, encoders by name, published figures."""
