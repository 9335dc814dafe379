"""`python -m slo.cli`: the same as `sloctl`."""

from slo.cli.app import main

if __name__ == "__main__":
    main()
