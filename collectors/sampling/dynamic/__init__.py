"""Sample rates that follow the traffic: frequent keys are thinned more, rare ones are kept."""
