"""What the figures show, and how they are drawn."""
