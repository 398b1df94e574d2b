"""Which patches are for training, validation and testing, and what leaks between them."""
