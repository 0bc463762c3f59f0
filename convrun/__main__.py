"""`python -m convrun`."""

from convrun.cli.main import main

if __name__ == "__main__":
    main()
