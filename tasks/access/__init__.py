"""Pull secret contents, evidence for explain-access, pull-only users, and secret rotation."""
