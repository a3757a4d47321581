"""An experiment's config: checked, filled with defaults, and what follows from it."""
