"""A SLURM on this host for tests: munged, slurmctld and slurmd, a node with two pretended GPUs, no accounting."""

import os
import shutil
import socket
import subprocess
import time
from pathlib import Path

CONF = Path("/etc/slurm/slurm.conf")  # where all of SLURM looks, since its jobs may not inherit where to look
PROGRAMS = ("munged", "slurmctld", "slurmd", "sbatch", "srun", "squeue", "scancel", "scontrol")
CONFIG = """\
ClusterName=test
SlurmctldHost={host}(127.0.0.1)
SlurmUser=root
AuthType=auth/munge
AuthInfo=socket={folder}/munge/socket
CryptoType=crypto/munge
CredType=cred/munge
SlurmctldPort={ports[0]}
SlurmdPort={ports[1]}
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.pid
SlurmctldLogFile={folder}/slurmctld.log
SlurmdLogFile={folder}/slurmd.log
ProctrackType=proctrack/pgid
TaskPlugin=task/none
SwitchType=switch/none
MpiDefault=none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core_Memory
SlurmdParameters=config_overrides
SchedulerParameters=batch_sched_delay=0,sched_min_interval=1,bf_interval=1
ReturnToService=2
PrologFlags=Alloc
Prolog={folder}/started
Epilog={folder}/ended
KillWait=20
OverTimeLimit=0
JobRequeue=1
MinJobAge=3600
GresTypes=gpu
NodeName={host} NodeAddr=127.0.0.1 CPUs=8 RealMemory=60000 Gres=gpu:2 State=UNKNOWN
PartitionName=gpu Nodes={host} Default=YES MaxTime=2-0 DefaultTime=1 State=UP
"""
# any two devices will do: what counts is that SLURM hands them out
GPUS = "Name=gpu File=/dev/null\nName=gpu File=/dev/zero\n"

# what SLURM gave each job, by its own variable, when it started and when it had ended
HOLDS = """#!/bin/sh
[ -z "$SLURM_JOB_GPUS" ] || echo "$(date +%s.%N) {name} $SLURM_JOB_ID $SLURM_JOB_GPUS" >> {folder}/gpus.log
"""


def why_not() -> str | None:
    """What stands in the way of a SLURM here, None where nothing does."""
    path = os.environ.get("PATH", "") + ":/usr/sbin:/sbin"
    missing = [name for name in PROGRAMS if not shutil.which(name, path=path)]
    if missing:
        return f"no {', '.join(missing)} here: apt-get install slurm-wlm munge"
    if CONF.exists():
        return f"{CONF} is there: this host belongs to a SLURM"
    return None if os.geteuid() == 0 else "only root can start a SLURM"


def _free_ports(count: int) -> list[int]:
    sockets = [socket.socket() for _ in range(count)]
    for one in sockets:
        one.bind(("", 0))
    ports = [one.getsockname()[1] for one in sockets]
    for one in sockets:
        one.close()
    return ports


class Cluster:
    """Is there on entering, and gone on leaving with whatever ran there. Commands find it through `environment`."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.host, self.daemons = folder, socket.gethostname().split(".")[0], []
        self.environment = os.environ | {"PATH": f"{os.environ['PATH']}:/usr/sbin:/sbin"}

    def __enter__(self):
        try:
            return self.up()
        except BaseException:
            self.__exit__()
            raise

    def up(self):
        for name in ("munge", "state", "spool"):
            (self.folder / name).mkdir(mode=0o755, parents=True)
        key = self.folder / "munge/key"
        key.write_bytes(os.urandom(128))
        key.chmod(0o600)
        (self.folder / "slurm.conf").write_text(CONFIG.format(host=self.host, folder=self.folder, ports=_free_ports(2)))
        for name in ("slurm.conf", "gres.conf"):
            (CONF.parent / name).unlink(missing_ok=True)  # of one that was killed, which is gone
            (CONF.parent / name).symlink_to(self.folder / name)
        (self.folder / "gres.conf").write_text(GPUS)
        for name in ("started", "ended"):
            program = self.folder / name
            program.write_text(HOLDS.format(name=name, folder=self.folder))
            program.chmod(0o755)
        files = {name: self.folder / "munge" / name for name in ("socket", "pid", "seed", "log")}
        options = [f"--{name}{'' if name == 'socket' else '-file'}={path}" for name, path in files.items()]
        self.start("munged", "--foreground", "--force", f"--key-file={key}", *options)
        self.wait(lambda: files["socket"].exists(), "munged")
        self.start("slurmctld", "-D")
        self.start("slurmd", "-D", "-N", self.host)
        self.wait(lambda: self.state().startswith(("idle", "mixed")), "the node")
        return self

    def __exit__(self, *exception) -> None:
        subprocess.run(["scancel", "--full", "--signal=KILL", "--user=root"], env=self.environment, check=False)
        subprocess.run(["scancel", "--user=root"], env=self.environment, check=False)
        end = time.time() + 10
        while time.time() < end and self.ask("squeue", "-h"):
            time.sleep(0.2)
        for daemon in reversed(self.daemons):
            daemon.terminate()
        for name in ("slurm.conf", "gres.conf"):
            (CONF.parent / name).unlink(missing_ok=True)
        for daemon in self.daemons:
            try:
                daemon.wait(10)
            except subprocess.TimeoutExpired:
                daemon.kill()
                daemon.wait()

    def start(self, *command: str) -> None:
        with open(self.folder / f"{command[0]}.out", "wb") as out:
            self.daemons.append(subprocess.Popen(command, env=self.environment, stdout=out, stderr=out))

    def wait(self, condition, what: str, seconds: float = 30) -> None:
        end = time.time() + seconds
        while not condition():
            if time.time() > end:
                logs = "\n".join(path.read_text(errors="replace")[-2000:] for path in self.folder.glob("*.[ol]*[tg]"))
                raise TimeoutError(f"{what} is not up after {seconds} seconds.\n{logs}")
            time.sleep(0.1)

    def ask(self, *command: str) -> str:
        """What a command of SLURM prints."""
        found = subprocess.run(command, env=self.environment, capture_output=True, text=True, check=False)
        return found.stdout.strip()

    def state(self) -> str:
        return self.ask("sinfo", "-h", "-o", "%t")

    def jobs(self, state: str = "all", what: str = "%k") -> dict[str, str]:
        """The comment, which has rule and wildcards, or something else of each job in a state, by its id in order."""
        lines = self.ask("squeue", "-h", "--states", state, "--sort=i", "-o", f"%i {what}").splitlines()
        return {job: text.strip() for job, text in (line.split(maxsplit=1) for line in lines)}

    def holdings(self) -> list[tuple[float, str, str, list[str]]]:
        """(time, "started" or "ended", job, GPUs) of all jobs that held a GPU."""
        rows = [line.split() for line in (self.folder / "gpus.log").read_text().splitlines()]
        return sorted((float(when), what, job, cards.split(",")) for when, what, job, cards in rows)
