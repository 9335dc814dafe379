"""The compiler: SLO files come in, rules and their proofs go out; home of `sloctl`."""
