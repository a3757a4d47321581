"""The tasks of the miniature by name."""

from lift.miniature.benchmarks import mini_contest_a, mini_contest_b, mini_countdown, mini_gsm, mini_math, mini_sudoku
from lift.miniature.task import Task

_MODULES = (mini_gsm, mini_math, mini_countdown, mini_sudoku, mini_contest_a, mini_contest_b)
TASKS: dict[str, Task] = {module.TASK.name: module.TASK for module in _MODULES}
