"""Diffusion decoding: from problems to answers."""
