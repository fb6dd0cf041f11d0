"""From words to graphs: lexer, values, calls, layers, sources, stacks."""
