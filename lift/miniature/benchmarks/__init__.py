"""The miniature's six tasks, one file each: how its problems are made (`TASK`) and what a benchmark defines."""
