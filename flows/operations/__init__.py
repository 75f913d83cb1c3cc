"""What several flows do."""
