"""State of a simulated Harbor, and changes to it without HTTP."""
