"""`python -m sipscope`."""

from sipscope.cli import main

if __name__ == "__main__":
    main()
