"""Remove what a finished experiment needs no more: what restarts go on from, the answers' store, and logs.

RESULTS is the folder of an experiment, or of several. What would go is listed with its size, and asked about first. An
experiment that is unfinished, or in which a job runs, is left alone. Of the logs go those of the jobs that succeeded;
timings and all results stay, and snakemake has nothing to do afterwards. But a file of answers that is lost later must
then be decoded again.
"""

from collections.abc import Iterator
from pathlib import Path

from lift.config.experiment import Experiment
from lift.config.layout import Layout, experiments
from lift.errors import InputError
from lift.machine import lock
from lift.plan import planning, progress


def add_arguments(parser) -> None:
    parser.add_argument("results", metavar="RESULTS", type=Path, help="folder of an experiment, or of several")
    parser.add_argument("--yes", action="store_true", help="remove without a question")


def main(args) -> None:
    for folder in experiments(args.results):
        experiment = Experiment.read(Layout(folder).config)
        experiment.layout = Layout(folder)
        jobs = progress.jobs(experiment, planning.plan(experiment.config, folder))
        refuse_unfinished(experiment.layout, jobs)
        found = {what: files for what, files in removable(experiment.layout, jobs).items() if files}
        sizes = {what: sum(file.lstat().st_size for file in files) for what, files in found.items()}
        print(f"{folder}: {sum(sizes.values()) / 1e6:,.1f} MB could go")
        for what, files in found.items():
            print(f"  {what}: {len(files)} files, {sizes[what] / 1e6:,.1f} MB")
        if found and (args.yes or agreed()):
            refuse_unfinished(experiment.layout, jobs)  # the question may have stood there for long
            remove(folder, [file for files in found.values() for file in files])
            print("removed")


def agreed() -> bool:
    """Whether whoever is asked says yes."""
    try:
        return input("Remove them? [y/N] ").strip().lower() in ("y", "yes")
    except EOFError:
        raise InputError("Nobody is there to answer; nothing is removed. Say --yes to remove them.") from None


def _kept(layout: Layout) -> dict[str, Path]:
    """The folders that are of use for restarts only."""
    return {
        "state of unfinished jobs (.resume)": layout.resume(layout.folder / "x").parent,
        "store of answers (.answers)": layout.store("x", "x", 0).parents[2],
    }


def refuse_unfinished(layout: Layout, jobs: list[progress.Job]) -> None:
    """Raises InputError where not all files of the experiment are there, or where a process works in its folder."""
    for lock_file in (path for folder in _kept(layout).values() for path in folder.rglob("*-lock")):
        if lock.held(lock_file.with_name(lock_file.name.removesuffix("-lock"))):
            raise InputError(f"A job runs in {layout.folder}, it holds {lock_file}; nothing is removed.")
    if missing := [f"{job.stage} {job.what}" for job in jobs if not job.finished]:
        more = f" and {len(missing) - 1} more jobs" if len(missing) > 1 else ""
        raise InputError(f"{layout.folder} is not finished, it lacks {missing[0]}{more}; nothing is removed.")


def removable(layout: Layout, jobs: list[progress.Job]) -> dict[str, list[Path]]:
    """By what they are, the files that may go from a finished experiment."""
    found = {what: list(_files(folder)) for what, folder in _kept(layout).items()}
    return found | {"logs of jobs that succeeded": [job.log for job in jobs if job.log.is_file()]}


def _files(folder: Path) -> Iterator[Path]:
    return (path for path in folder.rglob("*") if path.is_symlink() or not path.is_dir())


def remove(folder: Path, files: list[Path]) -> None:
    """Remove files, and the folders that this leaves empty, up to the experiment's."""
    for file in files:
        file.unlink(missing_ok=True)
    for parent in sorted({parent for file in files for parent in file.parents}, reverse=True):
        if parent.is_relative_to(folder) and parent != folder and parent.is_dir() and not any(parent.iterdir()):
            parent.rmdir()
