"""How far confidences can be trusted: the temperature, the calibration error and the reliability diagram."""
