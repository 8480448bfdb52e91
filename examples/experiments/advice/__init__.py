"""What the experiment with advisers is made of."""
