"""What sensors other than the camera see of a synthetic scene: near infrared, and heights."""
