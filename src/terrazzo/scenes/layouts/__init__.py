"""One module a data set layout."""
