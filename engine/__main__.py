"""`python -m engine` is the command `suture`."""

from engine.cli.main import main

main()
