"""convcalc: what a convolution costs, sees and takes.

>>> from convcalc.kinds import find
>>> kind, rank = find("Conv2d")
>>> kind.build((1, 3, 224, 224), out_channels=64, kernel_size=7, stride=2, padding=3).outputs[0].shape
(1, 64, 112, 112)
"""
