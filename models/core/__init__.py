"""What all rooms of models use; it imports nothing of them."""
