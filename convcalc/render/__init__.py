"""Results as text: units, tables, JSON, CSV, markdown, the terminal."""
