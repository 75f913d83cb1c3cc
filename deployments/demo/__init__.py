"""`make demo`: the product at work on simulated registries, told as a story that checks itself."""
