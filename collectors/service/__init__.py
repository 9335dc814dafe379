"""The runtime: receivers in, logs and graph in the middle, exporters out, and the books."""
