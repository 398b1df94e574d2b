"""The network and its file: header, weights, losses, windows, exports."""
