"""Wiring: which element of an input joins which element of an output, channel by channel and position by position."""
