"""`assemble`: from words, files and printed models to graphs (lexer, values, calls, layers, sources)."""
