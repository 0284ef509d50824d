"""`python -m mhbench` is the command `mhbench`."""

from mhbench.cli import main

if __name__ == "__main__":
    main()
