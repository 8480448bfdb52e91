"""What Cockpit costs: time, memory, log. `python -m benchmarks` runs the short version of all."""
