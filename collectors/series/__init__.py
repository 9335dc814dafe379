"""Series of metrics over time: what the processors that aggregate them have in common."""
