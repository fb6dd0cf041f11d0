"""What nobody typed: drawn specs, mutated command lines, garbled saves, large problems, and faults of the machine."""
