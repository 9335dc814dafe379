"""Steps that are the exporter of one pipeline and the receiver of another."""
