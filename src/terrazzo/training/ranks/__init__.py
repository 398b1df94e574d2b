"""Training on several devices: one process for each, which share every batch. Rank 0 leads and alone writes files."""
