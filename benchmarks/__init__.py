"""How fast an audit is, beside bare ssh and beside tools that do the same: `python -m benchmarks`, or `make bench`."""
