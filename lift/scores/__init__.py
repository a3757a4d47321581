"""From verdicts to scores with intervals, comparisons and claims."""
