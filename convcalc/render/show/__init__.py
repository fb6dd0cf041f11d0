"""Pictures of layers: frames of grids, written to a terminal, as SVG, GIF, PNG, and as a page to play with."""
