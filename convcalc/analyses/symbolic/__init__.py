"""Recipes run on symbols: the formulas of a kind, derived. The only analyses that import sympy."""
