"""Many configurations of a stack at once: ranges, what is kept of them, and who works on them."""
