"""Maps of places that training has not seen, method by method: what `python -m benchmarks.new_places` is made of."""
