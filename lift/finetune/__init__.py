"""Fine-tuning by an objective: from tokenised examples to a run's weights and its log."""
