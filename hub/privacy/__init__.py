"""What may be kept, and who may read it."""
