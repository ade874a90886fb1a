"""The five benchmarks as they are published: files in, plain records out. Tasks are made of these."""
