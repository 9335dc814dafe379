"""Proofs on generated dashboards: they are read back as files, as Grafana would read them."""
