"""The commands of the server: serve, work."""
