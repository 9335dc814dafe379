"""Runbooks: for every alert a page that says what it means and what to do."""
