"""How sure a model is of each token, by masking level."""
