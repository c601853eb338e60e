"""Let ``python -m tradewind.cli`` be the command."""

from tradewind.cli.entry import main

if __name__ == "__main__":
    main()
