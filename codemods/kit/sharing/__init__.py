"""What requests share, taken apart."""
