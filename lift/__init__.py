import logging
import sys

# Importing bitsandbytes, as PEFT does wherever it is installed, runs code of a hub where `kernels` is installed too.
sys.modules.setdefault("kernels", None)
logging.getLogger("bitsandbytes.backends.cpu.ops").setLevel(logging.ERROR)  # which would ask for `kernels`
