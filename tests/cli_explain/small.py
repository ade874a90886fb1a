"""An explanation of a second."""

QUICK = ("--lengths", "8,16", "--copies", "1", "--quiet")
