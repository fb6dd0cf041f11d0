"""Words in, text out: one thin command a file."""
