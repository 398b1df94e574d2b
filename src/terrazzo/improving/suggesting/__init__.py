"""The places of a scene where labels would help a model most."""
