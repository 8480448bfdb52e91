"""What is taken from the user's backward pass. The only importer of BackPACK."""
