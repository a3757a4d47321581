"""Corpora, benchmarks and prompts: from published files to examples and problems, as they are written."""
