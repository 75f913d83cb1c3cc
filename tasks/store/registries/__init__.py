"""Records of registries, their spaces, robot accounts and runs."""
