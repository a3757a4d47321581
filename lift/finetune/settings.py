"""How one fine-tuning run is made."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Settings:
    """Of one fine-tuning run; see config/README.md for each."""

    epochs: float
    batch_size: int
    micro_batch_size: int
    devices: int
    learning_rate: float
    weight_decay: float
    max_grad_norm: float
    warmup_steps: int
    eval_steps: int
    max_length: int
    padding: str  # "max_length" or "batch", where padding is scored
    score_padding: bool
    activation_checkpointing: bool
    lora: dict | None  # r, alpha, dropout, target_modules; None for full fine-tuning
