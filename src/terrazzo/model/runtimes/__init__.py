"""What computes a network: torch, onnxruntime or OpenVINO, behind one interface."""
