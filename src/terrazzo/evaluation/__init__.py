"""Scores, reports and pictures of a model on patches."""
