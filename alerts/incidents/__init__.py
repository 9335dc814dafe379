"""What happened: alerts of one cause as one incident, and the week in numbers."""
