"""`python -m agent` is `lineside`."""

from agent.cli import main

if __name__ == "__main__":
    main()
