"""Discovery and adoption of managed Harbors, which run in the platform's clusters."""
