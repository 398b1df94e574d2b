"""The label contract: what is checked of images and masks before the first patch is cut."""
