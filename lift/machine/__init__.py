"""The machine at hand: its GPUs, processes and locks."""
