"""What stands beside the pipelines: storage and health."""
