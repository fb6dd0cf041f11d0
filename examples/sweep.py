"""A million depthwise separable configurations in one call, and the formula behind them."""

import numpy
import sympy

from convcalc.analyses.counts.macs import macs
from convcalc.analyses.counts.params import params
from convcalc.kinds import find

kind, _ = find("depthwise_separable")

channels, kernels = numpy.meshgrid(numpy.arange(8, 1008), numpy.arange(1, 1001) % 7 + 1)
graph = kind.build((1, 32, 56, 56), out_channels=channels.ravel(), kernel_size=kernels.ravel(), padding=3)
fits = graph.valid & (params(graph).total < 5_000)
print(f"{fits.size:,} configurations, {fits.sum():,} with fewer than 5,000 parameters")

m, n, k, size = sympy.symbols("M N k F", positive=True, integer=True)
formula = kind.build((1, m, size, size), out_channels=n, kernel_size=k, padding="same")
print("params:", params(formula).total, " MACs:", sympy.factor(macs(formula)))
