"""`python -m itnas ...`: the command line, for launchers such as torchrun that start modules."""

from itnas.cli import main

if __name__ == "__main__":
    main()
