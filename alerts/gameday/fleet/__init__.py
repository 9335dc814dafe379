"""The simulated fleet: real processes that exchange real messages and send real telemetry."""
