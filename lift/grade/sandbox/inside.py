"""What runs in the sandbox: the program or the tests, by the job in the file that the first argument numbers.

It is sent there as text and imports nothing of this package.
"""

import builtins
import json
import os
import resource
import struct
import sys
import types


class _Opaque:
    """Stands for an object that is no plain data: equal to nothing, and as true as it was."""

    def __init__(self, truth):
        self.truth = truth

    def __bool__(self):
        return self.truth


def _pack(value):
    """A value as JSON: texts, numbers, None as they are, all else as a list of its kind and content."""
    if value is None or isinstance(value, (bool, float, str)):
        return value
    if isinstance(value, int):
        return value if value.bit_length() < 64 else ["int", hex(value)]  # decimal digits are limited in Python
    for kind in (list, tuple, set, frozenset):
        if isinstance(value, kind):
            return [kind.__name__, [_pack(item) for item in value]]
    if isinstance(value, dict):
        return ["dict", [[_pack(key), _pack(item)] for key, item in value.items()]]
    if isinstance(value, (bytes, bytearray)):
        return ["bytes", bytes(value).hex()]
    if isinstance(value, complex):
        return ["complex", [value.real, value.imag]]
    if getattr(value, "shape", None) == () and hasattr(value, "item"):  # a number of NumPy's
        return _pack(value.item())
    if hasattr(value, "as_integer_ratio"):  # Decimal, Fraction
        return ["ratio", [_pack(part) for part in value.as_integer_ratio()]]
    if hasattr(value, "__next__") or isinstance(value, (range, type({}.keys()), type({}.values()), type({}.items()))):
        return ["iterator", [_pack(item) for item in value]]
    return ["object", bool(value)]


def _unpack(packed):
    """The value again. An iterator, view or range comes as an iterator."""
    if not isinstance(packed, list):
        return packed
    kind, content = packed
    if kind in ("list", "tuple", "set", "frozenset"):
        return getattr(builtins, kind)(map(_unpack, content))
    if kind == "dict":
        return {_unpack(key): _unpack(item) for key, item in content}
    if kind == "int":
        return int(content, 16)
    if kind == "bytes":
        return bytes.fromhex(content)
    if kind == "complex":
        return complex(*content)
    if kind == "ratio":
        from fractions import Fraction  # slow to load, seldom needed

        return Fraction(*map(_unpack, content))
    return iter([_unpack(item) for item in content]) if kind == "iterator" else _Opaque(content)


def _confine(job):
    """Limits, and for root a user without rights."""
    limits = {"NPROC": 1, "FSIZE": job["file_size"], "NOFILE": job["open_files"], "CORE": 0}
    if sys.platform == "linux":  # macOS refuses it
        limits["AS"] = job["memory"]
    for name, limit in limits.items():
        kind = getattr(resource, f"RLIMIT_{name}")
        limit = _at_most(limit, kind)
        resource.setrlimit(kind, (limit, limit))
    # The signal of the lower limit tells why the process ended; at the upper one it is killed.
    resource.setrlimit(resource.RLIMIT_CPU, [_at_most(job["seconds"] + more, resource.RLIMIT_CPU) for more in (0, 1)])
    libc = None
    if not job["isolated"] and sys.platform == "linux":
        import ctypes  # slow to load

        libc = ctypes.CDLL(None)
    if job["uid"] is not None:
        if libc:
            libc.prctl(8, 1, 0, 0, 0)  # PR_SET_KEEPCAPS
        os.setgroups([])
        os.setresgid(*[job["uid"]] * 3)
        os.setresuid(*[job["uid"]] * 3)
        if libc:
            # Only root may be able to read the interpreter: CAP_DAC_READ_SEARCH is kept, where it is there, no other.
            version = struct.pack("Ii", 0x20080522, 0)
            if libc.capset(version, struct.pack("6I", 4, 4, 0, 0, 0, 0)) and libc.capset(version, bytes(24)):
                raise PermissionError("capabilities cannot be dropped")
    if libc:
        libc.prctl(38, 1, 0, 0, 0)  # PR_SET_NO_NEW_PRIVS
        libc.prctl(1, 9, 0, 0, 0)  # PR_SET_PDEATHSIG: no run outlives its caller


def _at_most(limit, kind):
    hard = resource.getrlimit(kind)[1]
    return limit if hard == resource.RLIM_INFINITY else min(limit, hard)


def _work(job_file):
    with open(job_file) as file:
        job = json.load(file)
    incoming, outgoing = os.fdopen(os.dup(0), "rb"), os.dup(1)
    sys.path += job["packages"]
    _confine(job)
    nothing = os.open(os.devnull, os.O_RDWR)
    for stream in (0, 1, 2):
        os.dup2(nothing, stream)
    os.close(nothing)

    def receive():
        return incoming.readline(64 << 20)

    def send(message):
        data = json.dumps(message).encode() + b"\n"
        while data:
            data = data[os.write(outgoing, data) :]

    {"program": _run_program, "tests": _run_tests}[job["role"]](job, receive, send)
    os._exit(0)


def _run_program(job, receive, send):
    """Says that it is there, then how the program went, then answers calls: a value, an error or what was refused."""
    send({"value": None})
    starts = ("subprocess.Popen", "os.system", "os.fork", "os.forkpty", "os.exec", "os.posix_spawn", "pty.spawn")
    network = ("connect", "bind", "sendto", "sendmsg", "getaddrinfo", "gethostbyname", "gethostbyaddr", "getnameinfo")
    refused = dict.fromkeys(starts, "process") | {f"socket.{name}": "network" for name in network}

    def hook(event, arguments):
        family = arguments[1] if event == "socket.__new__" else 1
        reason = refused.get(event) or ("network" if family != 1 else "")
        if reason:
            send({"refused": reason})
            os._exit(1)

    def attempt(action):
        try:
            return {"value": _pack(action())}
        except BaseException as error:
            known = [kind.__name__ for kind in type(error).__mro__ if kind.__module__ == "builtins"]
            return {"error": [type(error).__name__, known[0]]}

    def call(name, arguments, named):
        if name not in vars(module):
            raise NameError(name)
        return vars(module)[name](*arguments, **named)

    module = types.ModuleType("answer")  # not __main__: what stands under that guard is no part of the answer
    sys.modules["answer"] = module
    sys.addaudithook(hook)
    send(attempt(lambda: exec(compile(job["code"], "answer", "exec"), vars(module))))
    while line := receive():
        send(attempt(lambda: call(*_unpack(json.loads(line)))))


def _run_tests(job, receive, send):
    """Reports as _read has it. A reason may be any text, the program can choose it: passing is another message."""

    def report(*message):
        os.write(job["report"], json.dumps(message).encode() + b"\n")

    def give_up(reason):
        report("failed", reason[:300])  # what _read reads, however it is written
        os._exit(0)

    def outcome():
        line = receive()
        if not line:
            give_up("no result")
        answer = json.loads(line)
        if "refused" in answer:
            give_up(str(answer["refused"]))
        if "error" in answer:
            name, known = answer["error"]
            base = getattr(builtins, known, None)
            if not (isinstance(base, type) and issubclass(base, Exception)) or base is StopIteration:
                base = Exception  # StopIteration would end a loop of the tests in silence
            kind = base if name == base.__name__ else type(name, (base,), {})
            raise kind.__new__(kind)
        return _unpack(answer["value"])

    def stand_in(name):
        def function(*arguments, **named):
            try:
                send(_pack([name, arguments, named]))
            except BrokenPipeError:
                give_up("no result")
            return outcome()

        return function

    if not receive():
        return
    report("up")
    try:
        outcome()
        exec(compile(job["code"], "tests", "exec"), {"__name__": "tests"} | {n: stand_in(n) for n in job["names"]})
    except BaseException as error:
        give_up(type(error).__name__)
    report("passed")


if __name__ == "__main__":
    _work(int(sys.argv[1]))
