"""`CountReport` and what it counts: parameters, multiply-adds, other work, memory, traffic, training."""
