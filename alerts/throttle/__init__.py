"""Burn alerts slow agents down: a signed, audited recommendation per class of agents."""
