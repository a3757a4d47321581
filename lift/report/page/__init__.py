"""One page with everything: an experiment's tables, claims, figures and answers, offline."""
