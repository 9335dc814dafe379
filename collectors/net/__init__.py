"""What several components need of the network: addresses, compression, OTLP answers, JSON."""
