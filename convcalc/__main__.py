"""`python -m convcalc` is the same as `convcalc`."""

from convcalc.cli.app import main

main()
