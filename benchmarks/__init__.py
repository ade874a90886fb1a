"""Side-by-side measurements: one command each, always against a named peer in the same run."""
