"""genesis-keras."""
