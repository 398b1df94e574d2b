"""Exports of a model for other programs, each compared with the model."""
