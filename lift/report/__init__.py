"""From scores to tables, figures, and the page that leads from a number to its answers."""
