"""Game days: a simulated fleet, faults for it, and the proof that the right people are woken."""
