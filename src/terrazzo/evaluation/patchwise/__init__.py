"""What each patch adds to the scores: intervals over their sources, the edges of classes, and the worst patches."""
