"""What Harbors leave in a cluster."""
