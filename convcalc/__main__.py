"""`main`: the program, as `convcalc` and as `python -m convcalc`."""

import signal
import threading


def main() -> None:
    """Run the command line and exit with its code; Ctrl-C while it is still loading ends it without a word."""
    usual = signal.getsignal(signal.SIGINT) is signal.default_int_handler  # else somebody has it ignored
    usual = usual and threading.current_thread() is threading.main_thread()
    if usual:
        signal.signal(signal.SIGINT, signal.SIG_DFL)
    from convcalc.cli import app

    if usual:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    app.main()


if __name__ == "__main__":
    main()
