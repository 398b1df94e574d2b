"""The accuracy of a finished map and the areas of its classes, estimated from a probability sample of its pixels."""
