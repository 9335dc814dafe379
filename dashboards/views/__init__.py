"""The three views, one module for each reader: executive, on-call, debug."""
