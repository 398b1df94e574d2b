"""An image of any size through windows of one size, blended."""
