"""Several data sets that are prepared together: the file that names them, and their classes brought onto one schema."""
