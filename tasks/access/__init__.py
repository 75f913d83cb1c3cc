"""What pull secrets hold, and what explain-access and rotation ask."""
