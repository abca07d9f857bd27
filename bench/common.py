"""What the bench scripts share: the contenders, how one is built, the machine's processors, tables and statistics."""

import concurrent.futures
import os
import pathlib
import platform
import re
import shlex
import shutil
import subprocess
import sys

BENCH = pathlib.Path(__file__).resolve().parent
ROOT = BENCH.parent
RESULTS = BENCH / "results"
BUILD = ROOT / "build" / "bench"
CC = os.environ.get("CC") or "cc"
CXX = os.environ.get("CXX") or "c++"
# gcc would delete a malloc and free pair; and the `rep stos` it writes for memset is slower here than the library's memset,
# which would flatter whoever need not clear
OPTIMISE = ["-O2", "-pthread", "-fno-builtin-malloc", "-fno-builtin-free", "-fno-builtin-memset"]

# The order of the tables: the pool, then what a user would otherwise pick.
CONTENDERS = ["pool", "pool_lean", "pool_local", "pool_no_cache", "malloc", "mimalloc", "jemalloc", "tcmalloc",
              "glib_slice", "boost_pool", "boost_object_pool", "boost_fast_allocator", "mutex_array", "spin_array",
              "treiber", "go/sync_pool", "go/channel", "rust/mutex_deque", "null"]


def fail(message):
    sys.exit(f"{pathlib.Path(sys.argv[0]).name}: {message}")


def run(command, **options):
    return subprocess.run([str(word) for word in command], capture_output=True, text=True, **options)


def output_of(command, what, **options):
    """The command's standard output; ends the script with the command's own words when it fails."""
    done = run(command, **options)
    if done.returncode != 0:
        fail(f"{what} failed ({shlex.join(map(str, command))}):\n{done.stdout}{done.stderr}".rstrip())
    return done.stdout


def need(**programs):
    """Ends the script unless each program is there, after letting the repository's helper install its package."""
    missing = [package for program, package in programs.items() if not shutil.which(program.replace("_", "-"))]
    helper = ROOT / "tests/tools/need"
    if missing and helper.exists():
        subprocess.run([helper, *missing], check=False)
        missing = [package for program, package in programs.items() if not shutil.which(program.replace("_", "-"))]
    if missing:
        print(f"missing: {', '.join(missing)} (apt-get install {' '.join(missing)})", file=sys.stderr)
        sys.exit(77)


def progress(text=""):
    """One line that overwrites itself on a terminal; nothing in a pipe."""
    if sys.stderr.isatty():
        width = shutil.get_terminal_size().columns - 1
        print(f"\r{text[:width]:<{width}}\r", end="", file=sys.stderr, flush=True)


class Contender:
    """One adapter under contenders/: its first comment says its name, its package and how to link it."""

    def __init__(self, key):
        self.key = key
        self.file_name = key.replace("/", "-")
        folder = BENCH / "contenders"
        self.source = next(path for suffix in (".h", ".hpp", ".go", ".rs")
                           if (path := folder / f"{key}{suffix}").exists())
        self.text = self.source.read_text()
        self.name = self.word("name") or key
        self.package = self.word("package")

    def word(self, label):
        found = re.search(rf"^(?:/\*| \*|//) {label}: (.*?)(?: \*/)?$", self.text, re.MULTILINE)
        return found.group(1) if found else ""

    def missing(self):
        """What is not on this machine, as text naming the package that brings it; empty when all is there."""
        if self.source.suffix == ".go":
            return "" if shutil.which("go") else "golang-go"
        if self.source.suffix == ".rs":
            return "" if shutil.which("rustc") else "rustc"
        if self.key.startswith("pool") and not (ROOT / "objpool.h").exists():
            return "objpool.h"
        language = ["-x", "c++"] if self.source.suffix == ".hpp" else ["-x", "c"]
        if self.source.suffix == ".hpp" and not shutil.which(CXX):
            return "g++"
        includes = "\n".join(re.findall(r"^#include <.*>", self.text, re.MULTILINE))
        try:
            probe = run([self.compiler(), *self.flags(), *language, "-", "-o", "/dev/null", *self.libraries()],
                        input=f"{includes}\nint main(void) {{ return 0; }}\n".replace("(void)", "()")
                        if self.source.suffix == ".hpp" else f"{includes}\nint main(void) {{ return 0; }}\n")
        except subprocess.CalledProcessError:
            return self.package
        return "" if probe.returncode == 0 else self.package

    def compiler(self):
        return CXX if self.source.suffix == ".hpp" else CC

    def flags(self):
        words = self.word("flags")
        inner = re.match(r"\$\((.*)\)$", words)
        if inner:
            words = subprocess.run(inner.group(1), shell=True, check=True, capture_output=True, text=True).stdout
        return shlex.split(words)

    def libraries(self):
        return shlex.split(self.word("link"))

    def binary(self, size):
        return BUILD / f"{self.file_name}-{size}"

    def build(self, size):
        """Builds the contender for one object size, unless that was done since its sources changed."""
        target = self.binary(size)
        sources = [path for path in (*BENCH.glob("workload.c"), *(BENCH / "contenders").rglob("*.*"),
                                     *ROOT.glob("objpool.h")) if path.is_file()]
        stamp = f"{CC} {CXX}"
        stamp_file = target.with_suffix(".built-by")
        if (target.exists() and stamp_file.exists() and stamp_file.read_text() == stamp
                and all(path.stat().st_mtime <= target.stat().st_mtime for path in sources)):
            return
        BUILD.mkdir(parents=True, exist_ok=True)
        what = f"building {self.name} for {size} bytes"
        if self.source.suffix == ".go":
            folder = BUILD / f"{self.file_name}-{size}.source"
            folder.mkdir(exist_ok=True)
            for source in (self.source, self.source.parent / "workload.go"):
                shutil.copy(source, folder)
            (folder / "size.go").write_text(f"package main\n\nconst objectSize = {size}\n")
            output_of(["go", "build", "-o", target, "."], what, cwd=folder, env={**os.environ, "GO111MODULE": "off"})
        elif self.source.suffix == ".rs":
            output_of(["rustc", "--edition", "2021", "-O", self.source, "-o", target], what,
                      env={**os.environ, "OBJECT_SIZE": str(size)})
        else:
            language = ["-x", "c++", "-std=c++17"] if self.source.suffix == ".hpp" else ["-std=c11"]
            output_of([self.compiler(), *OPTIMISE, *self.flags(), f'-DCONTENDER="{self.source}"', f"-DOBJECT_SIZE={size}",
                       *language, BENCH / "workload.c", "-o", target, *self.libraries()], what)
        stamp_file.write_text(stamp)


def present_contenders(keys=None):
    """The contenders this machine can build; says on standard output which it cannot, and what brings them."""
    contenders = []
    for key in keys or CONTENDERS:
        contender = Contender(key)
        lacking = contender.missing()
        if lacking:
            print(f"left out: {contender.name} (needs {lacking})")
        else:
            contenders.append(contender)
    return contenders


def build_all(jobs):
    """Builds (contender, size) pairs, as many at once as there are processors."""
    workers = len(os.sched_getaffinity(0))
    with concurrent.futures.ThreadPoolExecutor(workers) as executor:
        pending = [executor.submit(contender.build, size) for contender, size in jobs]
        for number, future in enumerate(concurrent.futures.as_completed(pending), 1):
            future.result()
            progress(f"building {number} of {len(pending)}")
    progress()


def processors():
    """The processors this process may use, those on cores of their own first."""
    allowed = sorted(os.sched_getaffinity(0))
    first_of_core, others, seen = [], [], set()
    for processor in reversed(allowed):  # from the top: interrupts tend to go to the first ones
        siblings = pathlib.Path(f"/sys/devices/system/cpu/cpu{processor}/topology/thread_siblings_list")
        core = siblings.read_text().strip() if siblings.exists() else str(processor)
        (others if core in seen else first_of_core).append(processor)
        seen.add(core)
    return first_of_core + others


def median(values):
    values = sorted(values)
    middle = len(values) // 2
    return values[middle] if len(values) % 2 else (values[middle - 1] + values[middle]) / 2


def quartiles(values):
    values = sorted(values)
    half = len(values) // 2
    return (median(values[:half]), median(values[len(values) - half:])) if half else (values[0], values[0])


def markdown_table(header, rows):
    """A Markdown table whose columns also line up as plain text; all columns but the first are numbers."""
    cells = [[str(cell) for cell in row] for row in [header, *rows]]
    widths = [max(len(row[i]) for row in cells) for i in range(len(header))]

    def line(row):
        return "| " + " | ".join(cell.ljust(width) if i == 0 else cell.rjust(width)
                                 for i, (cell, width) in enumerate(zip(row, widths))) + " |"
    rule = "|" + "|".join("-" * (width + 2) if i == 0 else "-" * (width + 1) + ":" for i, width in enumerate(widths)) + "|"
    return "\n".join([line(cells[0]), rule, *map(line, cells[1:])])


def machine():
    """One line that says where the figures come from."""
    model = "unknown processor"
    cpu_info = pathlib.Path("/proc/cpuinfo")
    if cpu_info.exists():
        found = re.search(r"^model name\s*:\s*(.*)$", cpu_info.read_text(), re.MULTILINE)
        model = found.group(1) if found else model
    compiler = output_of([CC, "--version"], "asking the compiler").splitlines()[0]
    return f"{model}, {len(os.sched_getaffinity(0))} processors, {platform.system()} {platform.release()}, {compiler}"
