"""Tests that are generated beside the rules: input series, what must follow, and when."""
