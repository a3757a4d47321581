"""The sandbox and the grader of code: published solutions pass, attacks do not and harm nothing.

LIFT_HUMANEVAL and LIFT_MBPP name complete files (HumanEval.jsonl.gz, sanitized-mbpp.json), which are then run as well.
"""

import gzip
import json
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from fractions import Fraction
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lift.errors import InputError
from lift.grade import sandbox
from lift.grade.graders import Grade, code
from lift.grade.sandbox import Verdict, bubblewrap, inside, runner

DATA = Path(__file__).parent / "data" / "code"
RIGHT = "def double(x):\n    return 2 * x\n"
CHOSEN = {"isolation": "bubblewrap"}  # what fixtures choose
TESTS = "assert double(2) == 4\nassert double('ab') == 'abab'\n"


def hindrance() -> str:
    """Why bubblewrap itself cannot be used here, whatever the sandbox makes of it."""
    if not shutil.which("bwrap"):
        return "bubblewrap is not installed"
    trial = subprocess.run(
        ["bwrap", "--unshare-pid", "--unshare-net", "--ro-bind", "/", "/", "true"], capture_output=True, text=True
    )
    return f"bubblewrap is not permitted: {trial.stderr.strip()}" if trial.returncode else ""


needs_bubblewrap = pytest.mark.skipif(bool(hindrance()), reason=hindrance())
only_linux = pytest.mark.skipif(sys.platform != "linux", reason="macOS does not limit memory, and has no /proc")


@pytest.fixture(params=[pytest.param("bubblewrap", marks=needs_bubblewrap), "process"])
def isolation(request, monkeypatch):
    """Each of the two, also for the grader."""
    monkeypatch.setitem(CHOSEN, "isolation", request.param)
    return request.param


@pytest.fixture
def lightly(monkeypatch):
    """process, where it is about the grader."""
    monkeypatch.setitem(CHOSEN, "isolation", "process")


@pytest.fixture
def isolated(monkeypatch):
    """bubblewrap, for what only it does."""
    if hindrance():
        pytest.skip(hindrance())
    monkeypatch.setitem(CHOSEN, "isolation", "bubblewrap")


def grade(text: str, problem: dict) -> Grade:
    """The verdict of the grader."""
    return code.grade(text, problem, **CHOSEN)


def double(program: str, tests: str = TESTS, **limits) -> Verdict:
    """The verdict on a program that should double."""
    return sandbox.run(program, tests, ["double"], **CHOSEN | {"seconds": 5} | limits)


def result(program: str):
    """What `double` of a program gives, as text: from the name of an exception, which is the verdict's reason."""
    return double(program, "raise type(str(double(1)), (Exception,), {})").reason


def descendants(pid: int) -> set[int]:
    """All processes started by one, and by those."""
    parents = {}
    for status in Path("/proc").glob("[0-9]*/stat"):
        try:
            parents[int(status.parent.name)] = int(status.read_text().rpartition(")")[2].split()[1])
        except OSError:  # it has ended
            continue
    found = {pid}
    while more := {child for child, parent in parents.items() if parent in found} - found:
        found |= more
    return found - {pid}


def marked(mark: str) -> list[Path]:
    """Running processes that have the mark in their environment; none on macOS, which does not tell."""
    found = []
    for environment in Path("/proc").glob("[0-9]*/environ"):
        try:
            found += [environment] * (mark.encode() in environment.read_bytes())
        except OSError:  # it has ended, or is another user's
            continue
    return found


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


# Published problems


def humaneval(path: Path) -> list[dict]:
    text = gzip.decompress(path.read_bytes()).decode() if path.suffix == ".gz" else path.read_text()
    return [json.loads(line) for line in text.splitlines()]


def solve_all(problems: list[dict], answer) -> list:
    """The task ids of the problems whose answer is graded wrong."""
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        grades = pool.map(lambda problem: grade(answer(problem), problem), problems)
        return [problem["task_id"] for problem, grade in zip(problems, grades, strict=True) if not grade.correct]


def full(problem):
    return f"so\n</reasoning>\n<answer>\n```python\n{problem['prompt']}{problem['canonical_solution']}```\n</answer>"


def body(problem):
    return f"<answer>\n{problem['canonical_solution']}\n</answer>"


def function(problem):
    """Without the imports and helpers of the prompt, and without a fence."""
    prompt = problem["prompt"]
    return (
        f"<answer> {prompt[prompt.index('def ' + problem['entry_point']) :]}{problem['canonical_solution']} </answer>"
    )


def mbpp(problem):
    return f"This is it:\n```python\n{problem['code']}\n```\n"


@pytest.mark.parametrize("answer", [full, body, function])
def test_published_humaneval_solutions_pass(answer, isolation):
    assert solve_all(humaneval(DATA / "humaneval.jsonl"), answer) == []


def test_published_mbpp_solutions_pass(isolation):
    assert solve_all(json.loads((DATA / "mbpp.json").read_text()), mbpp) == []


@pytest.mark.skipif("LIFT_HUMANEVAL" not in os.environ, reason="LIFT_HUMANEVAL names no file")
def test_all_humaneval_solutions_pass(isolated):
    problems = humaneval(Path(os.environ["LIFT_HUMANEVAL"]))
    assert len(problems) == 164
    assert solve_all(problems, full) == []


@pytest.mark.skipif("LIFT_MBPP" not in os.environ, reason="LIFT_MBPP names no file")
def test_all_mbpp_solutions_pass(isolated):
    problems = json.loads(Path(os.environ["LIFT_MBPP"]).read_text())
    assert len(problems) == 427
    assert solve_all(problems, mbpp) == []


def test_published_problems_are_not_passed_by_nothing(lightly):
    problems = humaneval(DATA / "humaneval.jsonl")
    assert solve_all(problems, lambda problem: "<answer>    pass</answer>") == [p["task_id"] for p in problems]
    problems = json.loads((DATA / "mbpp.json").read_text())
    assert solve_all(problems, lambda problem: "<answer>pass</answer>") == [p["task_id"] for p in problems]


# What the program is


SUM = {
    "task_id": "sum",
    "prompt": "import math\n\n\ndef one() -> int:\n    return 1\n\n\ndef add(a, b):\n    '''Add.'''\n",
    "entry_point": "add",
    "test": "def check(candidate):\n    assert candidate(1, 2) == 3\n    assert candidate(one(), 4) == 5\n",
}


@pytest.mark.parametrize(
    "text, extracted, correct",
    [
        (
            "<answer>\n```python\ndef add(a, b):\n    return a + b\n```\n</answer>",
            "def add(a, b):\n    return a + b",
            True,
        ),
        ("<answer>\n```\ndef add(a, b):\n    return a + b\n```", "def add(a, b):\n    return a + b", True),
        ("<answer>```py\ndef add(a, b): return a + b", "def add(a, b): return a + b", True),  # cut off in the fence
        ("<answer> def add(a, b):\n    return a + b </answer>", " def add(a, b):\n    return a + b", True),
        ("<answer>\n    def add(a, b):\n        return a + b\n", "    def add(a, b):\n        return a + b", True),
        ("<answer>\n    return a + b\n</answer>", "    return a + b", True),
        ("<answer>\nreturn a + b\n</answer>", "return a + b", True),
        ("<answer>\n  c = a\n  return c + b\n</answer>", "  c = a\n  return c + b", True),
        ("<answer>return a - 1 + one() + b</answer>", "return a - 1 + one() + b", True),  # a helper of the prompt
        ("<answer>add = lambda a, b: math.floor(a + b)</answer>", "add = lambda a, b: math.floor(a + b)", True),
        ("```\ndef add(a, b): return 0\n```\nNo:\n```\ndef add(a, b): return a + b\n```", None, True),
        ("```\ndef add(a, b): return a + b\n```\nso\n<answer>as above</answer>", "as above", False),
        ("<answer>```\ndef add(a, b): return a + b\n```\nTry:\n```\nadd(1, 2)\n```</answer>", None, True),
        ("<answer>def add(a, b): return a - b</answer>", "def add(a, b): return a - b", False),
        ("<answer>def plus(a, b): return a + b</answer>", "def plus(a, b): return a + b", False),
        ("<answer>def add(a, b) return</answer>", "def add(a, b) return", False),
    ],
)
def test_program_of_an_answer(text, extracted, correct, lightly):
    found = grade(text, SUM)
    assert found.correct == correct
    assert extracted is None or found.extracted == extracted


@pytest.mark.parametrize(
    "text", ["", "def add(a, b): return a + b", "<answer></answer>", "<answer> \n ", "```python\n```"]
)
def test_no_program(text):
    assert grade(text, SUM) == Grade(None, False)


def test_prompt_of_a_benchmark_file(lightly):
    """There `prompt` is what the model was asked, and the published prompt is code_prompt."""
    row = SUM | {"prompt": "Complete this function: ...", "code_prompt": SUM["prompt"]}
    assert grade("<answer>return a + b", row).correct


@settings(deadline=None, max_examples=8, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(text=st.text().map("<answer>{}".format) | st.text("`\n<>/answerdf():\ud800\0 "))
def test_any_text_gets_a_verdict(text, lightly):
    for problem in (SUM, {"test_list": ["assert add(1, 2) == 3"], "test_imports": []}):
        assert not grade(text, problem).correct


# Verdicts


@pytest.mark.parametrize(
    "program, reason",
    [
        (RIGHT, ""),
        ("def double(x): return 3 * x", "AssertionError"),
        ("def double(x): return x / 0", "ZeroDivisionError"),
        ("def double(x) return", "SyntaxError"),
        ("def double(x): return y", "NameError"),
        ("def other(x): return 2 * x", "NameError"),
        ("double = 3", "TypeError"),
        ("class Odd(ValueError): pass\ndef double(x): raise Odd", "Odd"),
        ("def double(x): raise UnicodeDecodeError('utf8', b'', 0, 1, '')", "UnicodeDecodeError"),
        ("def double(x): return double(x)", "RecursionError"),
        ("import nothing_of_the_kind", "ModuleNotFoundError"),
        ("def double(x): return input()", "EOFError"),
        ("def double(x): return lambda: x", "AssertionError"),
        ("x = '\ud800'\ndef double(x): return 2 * x", "UnicodeEncodeError"),
        ("def double(x):\n    return 2 * x\nif __name__ == '__main__':\n    raise ValueError", ""),
    ],
)
def test_reason(program, reason, isolation):
    assert double(program) == Verdict(reason == "", reason)


VALUES = [
    ("Decimal('3.5')", "== 3.5"),
    ("Fraction(7, 2)", "== 3.5"),
    ("numpy.int64(3)", "== 3"),
    ("numpy.float32(0.5)", "== 0.5"),
    ("numpy.array([1, 2]).sum() > 2", "== True"),
    ("collections.Counter('aab')", "== {'a': 2, 'b': 1}"),
    ("collections.OrderedDict(a=1)", "== {'a': 1}"),
    ("10 ** 5000", "== 10 ** 5000"),
    ("float('inf')", "> 10 ** 300"),
    ("1j", "== 1j"),
    ("(1, [2, {3}], {'a': None})", "== (1, [2, {3}], {'a': None})"),
    ("[1]", "!= (1,)"),
    ("b'ab'", "== b'ab'"),
    ("re.match('a', 'a')", "and True"),
    ("'\\ud800'", "== '\\ud800'"),
]


def test_values_come_back(isolation):
    program = "import collections, numpy, re\nfrom decimal import Decimal\nfrom fractions import Fraction\n"
    tests = ""
    for i, (value, comparison) in enumerate(VALUES):
        program += f"def value{i}(): return {value}\n"
        tests += f"if not (value{i}() {comparison}): raise type({value!r}, (Exception,), {{}})\n"
    assert sandbox.run(program, tests, [f"value{i}" for i in range(len(VALUES))], **CHOSEN) == Verdict(True)


def test_iterators_come_back(isolation):
    assert double("def double(x): yield from x", "assert list(double([1, 2])) == [1, 2]").passed
    assert double("def double(x): return {1: 2}.values()", "assert sorted(double(0)) == [2]").passed
    assert not double("def double(x): return map(int, x)", "assert double('12') == [1, 2]").passed


plain = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text() | st.binary() | st.fractions(),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.lists(inner, max_size=3).map(tuple)
        | st.dictionaries(st.text() | st.integers() | st.tuples(st.booleans()), inner, max_size=3)
        | st.sets(st.text() | st.integers() | st.frozensets(st.integers()), max_size=3)
    ),
    max_leaves=12,
)


@settings(deadline=None)
@given(value=plain)
def test_any_value_survives_the_way(value):
    again = inside._unpack(json.loads(json.dumps(inside._pack(value))))
    assert again == value
    assert type(again) is type(value)
    assert repr(again) == repr(value) or isinstance(value, (set, frozenset, dict, list, tuple))


@pytest.mark.parametrize("value", [Decimal("1.25"), Fraction(1, 3), 2**100, -(2**63), True])
def test_numbers_survive_the_way(value):
    assert inside._unpack(json.loads(json.dumps(inside._pack(value)))) == value


@settings(deadline=None, max_examples=6, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(text=st.text(max_size=200), times=st.sampled_from([1, 10_000]))
def test_what_a_program_prints_changes_nothing(text, times, isolation):
    for factor in (2, 3):
        printed = text.encode("utf8", "replace").decode()
        program = f"""
import sys
def say():
    for stream in (sys.stdout, sys.stderr, sys.__stdout__):
        stream.write({printed!a} * {times})
        stream.flush()
say()
def double(x):
    say()
    return {factor} * x
"""
        assert double(program).passed == (factor == 2)


def test_order_of_sets_is_the_same_in_every_run(isolation):
    program = "def double(x): return list(set('abcdefgh'))"
    assert len({result(program) for _ in range(3)}) == 1


def test_program_that_is_gone_before_the_call(isolation):
    """It says that all went well, as the runner does, and ends."""
    program = """
import os
for number in range(3, 64):
    try:
        os.write(number, b'{"value": null}\\n')
    except OSError:
        pass
os._exit(0)
"""
    assert double(program, "import time\ntime.sleep(0.5)\ndouble(1)") == Verdict(False, "no result")


# Attacks


def test_fork_bomb(isolation, monkeypatch):
    mark = secrets.token_hex()
    environment = runner._environment
    monkeypatch.setattr(runner, "_environment", lambda scratch: environment(scratch) | {"MARK": mark})
    assert "MARK" in result("import os\ndef double(x): return set(os.environ)")
    started = time.monotonic()
    assert double("import os\nwhile True:\n    os.fork()") == Verdict(False, "process")
    assert double("import os\ndef double(x):\n    while True:\n        os.fork()") == Verdict(False, "process")
    assert double("import subprocess\nsubprocess.Popen(['sleep', '5'])") == Verdict(False, "process")
    raw = "import ctypes\nfork = ctypes.CDLL(None).fork\n"
    assert double(raw + "while True:\n    fork()", seconds=1) == Verdict(False, "time limit")
    assert result(raw + "def double(x): return {fork() for _ in range(1000)}") == "{-1}"
    assert double("import threading\nthreading.Thread(target=print).start()") == Verdict(False, "RuntimeError")
    assert time.monotonic() - started < 10
    while marked(mark):  # the processes of a namespace that is torn down end within moments
        assert time.monotonic() - started < 15
        time.sleep(0.05)


@only_linux
@pytest.mark.parametrize(
    "program",
    [
        "x = bytearray(100 << 30)",
        "def double(x): return [0] * (100 << 30)",
        "kept = []\nwhile True:\n    kept.append(bytearray(1 << 20))",
        "import mmap\nx = [mmap.mmap(-1, 1 << 28) for _ in range(400)]",
    ],
)
def test_memory(program, isolation):
    assert double(program, seconds=3, memory=256 << 20) in (Verdict(False, "memory"), Verdict(False, "OSError"))


@only_linux
def test_memory_beyond_the_address_space(isolated):
    """Kinds that the limit on address space does not count."""
    libc = "import ctypes\nlibc = ctypes.CDLL(None)\n"
    calls = "libc.memfd_create(b'a', 0), libc.shmget(0, 1 << 30, 0o1600)"
    assert result(f"{libc}def double(x): return {calls}") == "(-1, -1)"


@pytest.mark.parametrize("home", ["os.path.expanduser('~')", "os.environ['HOME']", "pathlib.Path.home()"])
def test_home_is_not_the_callers(home, isolation, tmp_path, monkeypatch):
    (tmp_path / "kept").write_text("here")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert not double(f"import os, pathlib, shutil\nshutil.rmtree({home}, ignore_errors=True)").passed
    assert (tmp_path / "kept").read_text() == "here"


def test_files_are_out_of_reach(isolated, tmp_path):
    (tmp_path / "kept").write_text("here")
    tmp_path.chmod(0o777)
    assert not double(f"import shutil\nshutil.rmtree({str(tmp_path)!r})").passed
    assert double(f"open({str(tmp_path / 'kept')!r})").reason == "FileNotFoundError"
    assert double(f"open({str(tmp_path / 'new')!r}, 'w')").reason == "FileNotFoundError"
    assert [path.name for path in tmp_path.iterdir()] == ["kept"]
    for path in (__file__, "/etc/passwd", "/proc/self/environ", "/dev/shm", "/sys"):
        assert double(f"import os\nos.stat({path!r})").reason == "FileNotFoundError"


def test_only_the_scratch_folder_can_be_written(isolated):
    program = """
import os
def double(x):
    found = set()
    for folder in ["/", "/dev", "/etc", "/usr", "/usr/lib", "/tmp", os.__file__[:-6]]:
        try:
            open(folder + "/new", "w").close()
            found.add(folder)
        except OSError:
            pass
    return found
"""
    assert result(program) == "{'/tmp'}"


def test_scratch_folder_is_bounded_and_new(isolated):
    program = """
import os
def double(x):
    if os.path.exists("/tmp/0"):
        return "left behind"
    written = 0
    for i in range(100):
        try:
            with open(f"/tmp/{i}", "wb") as file:
                for _ in range(1000):
                    written += file.write(bytes(1 << 20))
                    file.flush()
        except OSError:
            pass
    return written
"""
    for _ in range(2):
        assert 32 << 20 <= int(result(program)) <= bubblewrap.SCRATCH


def test_process_leaves_no_scratch_folder(tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    assert double("open('made', 'w').write('x')\nimport os\nos.mkdir('shut', 0)\n" + RIGHT, isolation="process").passed
    assert list(tmp_path.iterdir()) == []


def test_environment_is_clean(isolation, monkeypatch):
    monkeypatch.setenv("A_TOKEN", "secret")
    monkeypatch.setenv("PYTHONSTARTUP", "/nowhere")
    names = result("import os\ndef double(x): return sorted(os.environ)")
    assert "HOME" in names
    assert "A_TOKEN" not in names
    assert "STARTUP" not in names


def test_no_file_is_inherited(isolation):
    program = """
import os
def double(x):
    found = 0
    for number in range(64):
        try:
            os.fstat(number)
            found += 1
        except OSError:
            pass
    return found
"""
    with open(__file__) as kept:
        os.set_inheritable(kept.fileno(), True)
        assert result(program) == "5"  # the three standard ones, to nowhere, and the two for calls and values


@pytest.mark.parametrize(
    "attempt",
    [
        "socket.create_connection(('127.0.0.1', PORT), 1).send(b'x')",
        "urllib.request.urlopen('http://127.0.0.1:PORT')",
        "socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b'x', ('127.0.0.1', PORT))",
        "socket.getaddrinfo('localhost', PORT)",
    ],
)
def test_network(attempt, isolation):
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.setblocking(False)
        attempt = attempt.replace("PORT", str(server.getsockname()[1]))
        program = f"import socket, urllib.request\ntry:\n    {attempt}\nexcept BaseException:\n    pass\n"
        assert double(program + RIGHT) == Verdict(False, "network")
        with pytest.raises(BlockingIOError):
            server.accept()


def test_network_is_shut_in_the_kernel_too(isolated):
    libc = "import ctypes\nlibc = ctypes.CDLL(None)\n"
    families = "(2, 10, 16, 17, 40)"  # INET, INET6, NETLINK, PACKET, VSOCK
    assert result(f"{libc}def double(x): return {{libc.socket(family, 1, 0) for family in {families}}}") == "{-1}"
    assert double(
        "import asyncio\nasync def twice(x): return 2 * x\ndef double(x): return asyncio.run(twice(x))"
    ).passed


def test_no_rights_in_the_kernel(isolated):
    """No new user namespaces; NO_NEW_PRIVS (39) and a filter of system calls (21) are on; no capabilities; not root."""
    program = """
import ctypes, os
def double(x):
    libc = ctypes.CDLL(None)
    version, capabilities = (ctypes.c_uint32 * 2)(0x20080522, 0), (ctypes.c_uint32 * 6)(*[1] * 6)
    libc.capget(version, capabilities)
    flags = [libc.prctl(option, 0, 0, 0, 0) for option in (39, 21)]
    effective_and_permitted = capabilities[0:2] + capabilities[3:5]
    return [libc.unshare(0x10000000), *flags, *effective_and_permitted, os.getuid() == 0]
"""
    assert result(program) == "[-1, 1, 2, 0, 0, 0, 0, False]"
    assert double("import os\nos.setuid(0)").reason in ("PermissionError", "OSError")


@pytest.mark.parametrize(
    "program, reason",
    [
        ("while True: print('x' * 10_000)", "time limit"),
        ("def double(x):\n    while True: print('x' * 10_000)", "time limit"),
        ("while True: pass", "time limit"),
        ("def double(x):\n    while True: pass", "time limit"),
        ("import time\ndef double(x): time.sleep(1000)", "time limit"),
        ("import signal\nsignal.signal(signal.SIGXCPU, signal.SIG_IGN)\nwhile True: pass", "no result"),
        ("def double(x): return iter(int, 1)", "memory"),
    ],
)
def test_endless(program, reason, isolation):
    """On a busy machine the time limit may come first."""
    started = time.monotonic()
    verdict = double(program, seconds=1, memory=64 << 20)
    assert verdict in (Verdict(False, reason), Verdict(False, "time limit"))
    assert time.monotonic() - started < 10


def test_tests_without_end(isolation):
    assert double(RIGHT, "while True: pass", seconds=1) == Verdict(False, "time limit")


@pytest.mark.parametrize("where", ["{}", "def double(x): {}"])
@pytest.mark.parametrize(
    "end, reason",
    [
        ("import os; os._exit(0)", "no result"),
        ("import sys; sys.exit(0)", "SystemExit"),
        ("exit(0)", "NameError"),
        ("raise SystemExit", "SystemExit"),
        ("raise KeyboardInterrupt", "KeyboardInterrupt"),
        ("import os; os.kill(os.getpid(), 9)", "no result"),
        ("import ctypes; ctypes.string_at(0)", "no result"),
        ("import os; os.execv('/bin/true', ['true'])", "process"),
        ("import os; os.closerange(0, 60)", "no result"),
        ("import atexit; atexit.register(print); raise SystemExit", "SystemExit"),
    ],
)
def test_ending_early(end, reason, where, isolation):
    assert double(where.format(end)) == Verdict(False, reason)


SAME = "def same(one, other): return one == other\nvalue = double(2)\nassert same(value, 4)"
CHEATS = {
    "builtins are replaced": ("assert abs(double(2) - 4) < 1e-6", "import builtins\nbuiltins.abs = lambda x: 0"),
    "builtins are replaced in a call": (
        "value = double('ab')\nassert len(value) == 4",
        "import builtins\ndef double(x):\n    builtins.len = lambda x: 4\n    return x",
    ),
    "modules are replaced": (
        "import math\nassert math.isclose(double(2), 4, rel_tol=0.001)",
        "import math\nmath.isclose = lambda *a, **k: True",
    ),
    "__main__ is edited": (SAME, "def double(x):\n    import __main__\n    __main__.same = lambda *a: True"),
    "a caller's frame is edited": (
        SAME,
        "import sys\ndef double(x): sys._getframe(1).f_globals['same'] = lambda *a: True",
    ),
    "frames are edited by way of a traceback": (
        SAME,
        """
def double(x):
    try:
        1 / 0
    except ZeroDivisionError as error:
        frame = error.__traceback__.tb_frame
    while frame:
        frame.f_globals["same"] = lambda *a: True
        frame = frame.f_back
""",
    ),
    "a value equal to all": (
        "assert double(2) == 4 and not double(2) != 4",
        """
class Equal:
    def __eq__(self, other): return True
    def __ne__(self, other): return False
def double(x): return Equal()
""",
    ),
    "a number equal to all": (
        "assert double(2) == 4",
        "class Equal(int):\n    def __eq__(self, other): return True\ndef double(x): return Equal(7)",
    ),
    "a list equal to all": (
        "assert [1, 1] == double([1])",
        "class Equal(list):\n    def __eq__(self, other): return True\ndef double(x): return Equal()",
    ),
    "the end before the tests": ("assert double(2) == 4", "import os\nos._exit(0)"),
    "the end in a test": ("assert double(2) == 4", "import sys\ndef double(x): sys.exit(0)"),
    "an exception that ends a loop": (
        "for value, expected in zip(map(double, [1, 2]), [2, 4]): assert value == expected",
        "def double(x): raise StopIteration",
    ),
}


@pytest.mark.parametrize("tests, cheat", CHEATS.values(), ids=CHEATS)
def test_cheats(tests, cheat, isolation):
    assert double(RIGHT, tests).passed
    assert not double(f"def double(x): return 0\n{cheat}", tests).passed


@pytest.mark.parametrize("tests, cheat", CHEATS.values(), ids=CHEATS)
def test_cheats_would_succeed_in_one_namespace(tests, cheat):
    program = f"def double(x): return 0\n{cheat}\n{tests}"
    assert subprocess.run([sys.executable, "-I", "-S", "-c", program], capture_output=True).returncode == 0


FORGERIES = {
    "check is defined": "def check(candidate): pass",
    "the assertion's error is replaced": "import builtins\nAssertionError = builtins.AssertionError = None",
    "an exception named passed": "def double(x): raise type('passed', (Exception,), {})",
    "an exception without a name": "def double(x): raise type('', (Exception,), {})",
    "a message in an exception's name": """def double(x): raise type('"]\\n["passed"]\\n', (Exception,), {})""",
    "output": "print('passed')\nprint('[\"passed\"]')",
    "messages to every file": """
import os
for i in range(64):
    for message in (b'["passed"]\\n', b'["up"]\\n["passed"]\\n', b'{"value": null}\\n', b'{"refused": ""}\\n'):
        try:
            os.write(i, message)
        except OSError:
            pass
""",
    "rubbish to every file": """
import os
for i in range(64):
    try:
        os.write(i, b'[[[[\\xff\\n')
    except OSError:
        pass
""",
    "an endless value": """
import os
for i in range(3, 64):
    try:
        while True:
            os.write(i, b'[' * 65536)
    except OSError:
        pass
""",
    "json is replaced": """
import json
json.dumps = lambda *a, **k: '["passed"]'
json.loads = lambda *a, **k: ['double', [], {}]
def double(*a): return True
""",
}


@pytest.mark.parametrize("forgery", FORGERIES.values(), ids=FORGERIES)
def test_forgeries(forgery, isolation):
    tests = "def check(candidate):\n    assert candidate(2) == 4\n\ncheck(double)\n"
    assert double(RIGHT, tests).passed
    assert not double(f"def double(x): return 0\n{forgery}", tests, seconds=2, memory=256 << 20).passed


@only_linux
def test_no_run_outlives_its_caller(isolation, tmp_path):
    run = f"run('import time; time.sleep(100)', '', [], isolation={isolation!r}, seconds=50)"
    caller = f"from lift.grade import sandbox; sandbox.{run}"
    environment = os.environ | {"TMPDIR": str(tmp_path)}
    process = subprocess.Popen([sys.executable, "-c", caller], env=environment, start_new_session=True)
    try:
        deadline = time.monotonic() + 20
        expected = 2 if isolation == "process" else 6  # bubblewrap stands twice before each interpreter
        while len(started := descendants(process.pid)) < expected:
            assert time.monotonic() < deadline
            time.sleep(0.05)
        time.sleep(0.5)
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait()
    while any(map(alive, started)):
        assert time.monotonic() < deadline
        time.sleep(0.05)


# Running


def test_from_many_threads(isolation):
    files = len(os.listdir("/dev/fd"))
    programs = [f"def double(x): return {2 + i % 3} * x" for i in range(24)]
    with ThreadPoolExecutor(8) as pool:
        verdicts = list(pool.map(lambda program: double(program, seconds=5), programs))
    assert [verdict.passed for verdict in verdicts] == [i % 3 == 0 for i in range(24)]
    assert len(os.listdir("/dev/fd")) == files


def test_check(isolation):
    sandbox.check(isolation)


def test_missing_bubblewrap_is_refused(monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    for action in (sandbox.check, lambda: sandbox.run(RIGHT, TESTS, ["double"]), lambda: code.grade("<answer>x", SUM)):
        with pytest.raises(InputError, match=r"install bubblewrap.*`sandbox: process`"):
            action()
    sandbox.check("process")
    assert double(RIGHT, isolation="process").passed
    assert double("def double(x): return x", isolation="process").reason == "AssertionError"


@pytest.mark.parametrize("script", ["echo 'bwrap: No permissions to create new namespace' >&2; exit 1", "exit 1"])
def test_bubblewrap_that_does_not_work_is_refused(script, monkeypatch, tmp_path):
    (tmp_path / "bwrap").write_text(f"#!/bin/sh\n{script}\n")
    (tmp_path / "bwrap").chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    said = "No permissions to create new namespace" if "echo" in script else "it did not start"
    for action in (sandbox.check, sandbox.run):
        arguments = (RIGHT, TESTS, ["double"]) if action is sandbox.run else ()
        with pytest.raises(InputError, match=f"does not work here: .*{said}.*sandbox: process"):
            action(*arguments, isolation="bubblewrap")


def test_unknown_isolation():
    with pytest.raises(InputError, match=r"'docker'; it can be bubblewrap or process"):
        sandbox.check("docker")


@needs_bubblewrap
def test_another_machine_is_refused(monkeypatch):
    monkeypatch.setattr("platform.machine", lambda: "riscv64")
    bubblewrap.call_filter.cache_clear()
    with pytest.raises(InputError, match="riscv64"):
        double(RIGHT, isolation="bubblewrap")
