"""A table of all genomes of a small space, trained: what samplers are compared on."""
