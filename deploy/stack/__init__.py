"""What only the compose stack needs."""
