"""`python -m terrazzo.cli` runs the command line."""

from terrazzo.cli import main

main()
