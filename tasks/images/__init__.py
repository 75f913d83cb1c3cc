"""Images of registries that do not report their storage: read them in slices, and count it."""
