"""`make demo`: an end-to-end demo on simulated registries that verifies each step."""
