"""Programs as others would write them, for comparison."""
