"""`python -m convcalc` is the same as `convcalc`."""

from convcalc.cli.app import main

if __name__ == "__main__":
    main()
