"""The decoders of U-Nets: the library's with less work, and leaner ones."""
