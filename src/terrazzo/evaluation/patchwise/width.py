"""The width of boundary IoU, apart from its computation so that commands start without numpy."""

BOUNDARY_PX = 7
"""The width unless another is given: 2 % of the diagonal of a patch of 256 px, the share that Cheng et al. take."""
