"""From a trained model and images to land-cover maps: the files that `terrazzo predict` reads and writes."""
