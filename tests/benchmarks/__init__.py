"""What the shop costs and what it serves: `make bench`, or `python -m tests.benchmarks --help`.

A benchmark is a module here with a function `measure(bench: Bench) -> list[Table]`, listed by its
name in `__main__`. It finds migrated, empty stores and a running web server.
"""
