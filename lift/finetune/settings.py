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

    def updates(self, examples: int) -> int:
        """Of a run over so many examples."""
        return max(1, round(self.epochs * examples / self.batch_size))

    def evaluations(self, updates: int) -> int:
        """Held-out losses of a run: at the start, every eval_steps updates, and at the end."""
        return 1 + updates // self.eval_steps + bool(updates % self.eval_steps)
