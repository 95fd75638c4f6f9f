"""What consolidation costs: the whole run beside the usual ways, on the same data."""
