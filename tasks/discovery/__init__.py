"""Discovery of managed Harbors from the objects in a cluster."""
