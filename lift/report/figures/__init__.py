"""Figures, a module each: `data` gives the tidy table of what is drawn, `draw` draws that table and nothing else."""
