"""What people call by hand: `python -m lift TOOL`."""
