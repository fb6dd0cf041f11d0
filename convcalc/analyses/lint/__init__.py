"""What an expert would say about a stack: one function per rule."""
