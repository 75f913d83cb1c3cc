"""Images of a registry: what their tags refer to, and the storage that it takes."""
