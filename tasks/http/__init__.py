"""HTTP building blocks shared by the registry and cluster clients."""
