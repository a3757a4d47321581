"""The miniature's fine-tuning corpus."""
