"""What was asked of a run and what was seen, without torch: setups, samples, roofs, verdicts, the child heard."""
