"""Alertmanager's configuration: who is told, when, how often, and what is kept from them."""
