"""Crystallising: each layer as the classical layer that its verdict names."""
