"""What an experiment will take, and whether this machine can run it."""
