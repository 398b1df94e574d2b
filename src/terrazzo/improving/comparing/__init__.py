"""Two class maps of one place compared: areas, the matrix from class to class, and where they differ."""
