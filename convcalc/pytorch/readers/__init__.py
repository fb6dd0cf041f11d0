"""How each torch function is written down: one reader per function, over the same builder as the recipes.

A reader gets the builder, the arguments with every tensor replaced by its Value, and returns what the function
makes. Shapes come from the builder's own rules, never from running the function.
"""

from convcalc.pytorch.readers import arithmetic, contractions, layers, moving, picking, sequences, torchvision
from convcalc.pytorch.readers.registry import READERS

__all__ = ["READERS", "arithmetic", "contractions", "layers", "moving", "picking", "sequences", "torchvision"]
