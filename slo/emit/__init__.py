"""Text of the files that Prometheus reads, and of the tests that prove them."""
