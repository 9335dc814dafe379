"""The daemon: telemetry comes in, is made durable, is reduced, goes out."""
