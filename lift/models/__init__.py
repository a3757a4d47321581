"""Masked diffusion models on networks of transformers: from published checkpoints to predictors of masked tokens."""
