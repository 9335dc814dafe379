"""What samplers of whole traces share: the plan, the index of what waits, the memory."""
