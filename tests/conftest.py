"""Hypothesis profiles: the default run is quick, `-m thorough` draws many more."""

import os

import torch
from hypothesis import HealthCheck, settings

quiet = [HealthCheck.too_slow, HealthCheck.filter_too_much, HealthCheck.data_too_large]
same = bool(os.environ.get("CI"))  # the same examples on every CI run; new ones on a developer's machine
settings.register_profile(
    "default", max_examples=15, deadline=None, suppress_health_check=quiet, derandomize=same, database=None
)
settings.register_profile("thorough", parent=settings.get_profile("default"), max_examples=60)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "default"))

# Two workers with two threads each would wait for one another: tests run small tensors.
torch.set_num_threads(1)
