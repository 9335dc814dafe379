"""The same workload for us and for whoever else is found; started by `make bench`."""
