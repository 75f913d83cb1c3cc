"""Records of clusters, workspaces, bindings and managed Harbors."""
