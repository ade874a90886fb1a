"""The pieces of a network in plain torch: readable, dense, self-contained. One idea per file.

Every piece is the twin of a part of `itnas`: the same numbers from the same parameters. Nothing here imports anything
but torch, the standard library and each other, for an exported module is made of these very lines.
"""
