"""One page per code: what is wrong, why it matters, an example that fails, one that passes."""
