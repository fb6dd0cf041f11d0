"""`GraphModule`, `trace` and `verify`: graphs that run as modules, and modules read as graphs."""
