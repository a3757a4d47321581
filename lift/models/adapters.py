"""LoRA adapters in a model: a fresh one to train, a trained one to decode with."""

from pathlib import Path

import peft
import torch

from lift import checksums, noise
from lift.errors import InputError
from lift.models import checkpoint, model_files
from lift.models.predictor import MaskPredictor


def attach(model: MaskPredictor, lora: dict, seed: int) -> peft.PeftModel:
    """Put a fresh LoRA adapter into the model's network; the base is frozen."""
    torch.manual_seed(noise.key(seed, "adapter"))
    config = peft.LoraConfig(
        r=lora["r"],
        lora_alpha=lora["alpha"],
        lora_dropout=lora["dropout"],
        target_modules=lora["target_modules"],
        task_type="CAUSAL_LM",
    )
    return peft.get_peft_model(model.network, config)


def load_trained(base: Path, run: Path | None, device: str, dtype: torch.dtype = torch.float32) -> MaskPredictor:
    """A base model, with the adapter of a run's folder in it or with the run's own weights, for inference.

    In fp32 the adapter is merged, which is faster. In bfloat16 it stays apart, as it was trained: rounding the sum with
    the base to bfloat16 would lose most of a small update, rounding the adapter itself loses little of it. Raises
    InputError for an adapter that is broken or made for another network.
    """
    if run is not None:
        checksums.check(run)
    if run is None or not (run / "adapter_config.json").is_file():
        return checkpoint.load(run or base, device, dtype)
    model = checkpoint.load(base, device, dtype)
    config, weights = run / "adapter_config.json", run / "adapter_model.safetensors"
    model_files.read_json(config)
    found = model_files.weight_names(weights)
    try:
        adapted = peft.PeftModel.from_pretrained(
            model.network, str(run), torch_device=device, autocast_adapter_dtype=False
        )
    except torch.OutOfMemoryError:
        raise
    except Exception as error:  # PEFT raises anything
        raise InputError(f"{config} and its weights do not fit {base} ({type(error).__name__}: {error}).") from None
    # PEFT leaves what it does not find as it began, which does nothing
    missing = sorted(peft.get_peft_model_state_dict(adapted, save_embedding_layers=False).keys() - set(found))
    if missing:
        raise InputError(f"{weights}: {len(missing)} weights of the adapter are missing, the first is {missing[0]!r}.")
    model.network = adapted.merge_and_unload() if dtype == torch.float32 else adapted.base_model.model
    return model.eval()
