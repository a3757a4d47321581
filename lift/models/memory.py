"""Bytes that stand in memory together: what the networks keep to, and the plan counts with. Nothing imports torch."""

LOGIT_BYTES = 2**27  # of fp32 logits: 265 positions at a vocabulary of 126,464
HEAD_BYTES = 2**22  # of a bfloat16 head that the CPU takes in fp32 at a time
