"""Pull secret contents, evidence for explain-access, and secret rotation."""
