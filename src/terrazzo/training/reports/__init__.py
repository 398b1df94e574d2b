"""What a run tells of itself: lines, metrics.csv, curves and stages."""
