"""The lamps themselves: one file for each diagnosis, found by itself."""
