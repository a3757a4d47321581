"""Runs a program that nobody has read, and tests on it: the code answers of a model.

Two interpreters are started, each in a sandbox of its own. One runs the program and waits for calls. The other runs the
tests, in which the program's functions are stand-ins: they send their arguments over as plain data (numbers, texts,
lists, tuples, sets, dicts) and give back what comes. So the tests, the values they expect and the verdict are out of
the program's reach. Whatever it defines, replaces, prints or exits with, only the right values pass.

With isolation "bubblewrap" (Linux on x86-64 or ARM64, bwrap 0.7 or newer) each sandbox has
- no network, and of the files the interpreter, its packages and the system's libraries, to read, and a scratch folder
  of 64 MiB in memory, which is HOME and the working folder and is gone afterwards;
- one process and one thread, so that the limits on CPU time and memory are those of the whole run; limits on the size
  and the number of open files; three times the CPU time as wall time; no output;
- namespaces of its own, no capabilities, none of the system calls that bubblewrap.py names, and a user id of its own if
  the caller is root.
With "process" the limits are the same, but for the memory on macOS and the size of the scratch folder, which lies on
disk and stays where the caller is killed. The caller's files and network are there. Where the caller is root, the
program gets a user id that owns nothing, but may read everything.

What this does not protect against: faults of the kernel or of bubblewrap; programs that all use what they may (twice
the memory limit and the scratch folder for each run at a time, and what the kernel needs for empty files); a program
that knows the published tests by their arguments; with "process", any program that means harm.

What differs from running program and tests in one namespace: an object of a class of the program's own equals nothing,
what it does to its arguments is not seen, and it can start no thread.
"""

from lift.grade.sandbox.runner import Verdict, check, run

__all__ = ["Verdict", "check", "run"]
