"""Files, places, the machine, and what is reported to the user."""
