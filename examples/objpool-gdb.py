# gdb shows pools as their users think of them, and steps over what is inlined of objpool.h.
#
#   (gdb) source objpool-gdb.py                  or add-auto-load-safe-path, and a copy beside the program as PROGRAM-gdb.py
#   (gdb) print pool                             objpool "db" of struct conn..., 3 in use, 5 idle...
#   (gdb) objpool &pool                          the same by thread, and what waits
#
# Read from the program's memory, without a call into it: a core file will do, also of another program that was compiled alike. The
# file that holds the implementation must have been compiled with -g. SPDX-License-Identifier: MIT OR Unlicense
import re

import gdb

CLOSED = 0  # objpool__openness


def word(value):
    return int(value)


def caches_of(state):
    cache = state["slots"]["first"]
    while word(cache):
        yield cache.dereference()
        cache = cache["next"]


def total(state, counter):
    """A counter of the pool, added up as objpool_snapshot does."""
    number = word(gdb.parse_and_eval("(int)OBJPOOL__" + counter.upper()))
    acquires = word(gdb.parse_and_eval("(int)OBJPOOL__ACQUIRES"))
    slot = {acquires: "acquires", acquires + 1: "releases"}.get(number)
    sum_ = word(state["counts"]["shared"][number])
    if slot:
        sum_ += word(state["pool"]["own"][slot])
    for cache in caches_of(state):
        sum_ += word(cache["slot"][slot]) if slot else word(cache["counts"][number])
    return sum_


def idle_in(state, cache):
    if word(cache["openness"]) == CLOSED:
        return 0
    top, bottom = word(cache["slot"]["top"]), word(cache["bottom"])
    size = gdb.lookup_type("void").pointer().sizeof
    return max(0, top - bottom) // size + (word(state["depot"]["rounds"]) if cache["previous_full"] else 0)


def engine_of(state):
    symbol = gdb.execute("info symbol %d" % word(state["engine"]), to_string=True).split()[0]
    for engine in ("local", "uncached", "cached", "bounded"):
        if engine in symbol:
            return engine
    return symbol


def summary(pool):
    state = pool["state"]
    if not word(state):
        return "objpool, not used yet" if not word(pool["table"]) else "objpool of uninitialised memory"
    try:
        state = state.dereference()
        if word(state["pool"]) != word(pool.address):
            return "objpool that was copied from %#x" % word(state["pool"])
        name = state["name"] if word(state["name"]) else state["as"]["called"]
        name = name.string(errors="replace") if word(name) else "unnamed"
        gone = total(state, "destroyed") + total(state, "extracted")
        in_use = total(state, "acquires") - total(state, "releases") - total(state, "extracted")
        idle = total(state, "created") - gone - in_use
        limits = state["limits"]
        limit = lambda field: str(word(limits[field])) if word(limits[field]) else "no limit"
        return "objpool %s, %s: %d in use, %d idle, max_objects %s, max_idle %s, %d waiting, objects of %d bytes" % (
            '"%s"' % name, engine_of(state), in_use, idle, limit("max_objects"), limit("max_idle"),
            word(state["queue"]["waiting"]), word(state["as"]["type"]["size"]))
    except gdb.error as error:
        return "objpool (%s: was the implementation compiled with -g?)" % error


class Printer:
    def __init__(self, pool):
        self.pool = pool

    def to_string(self):
        return summary(self.pool)


def printer_of(value):
    kind = value.type.strip_typedefs()
    if kind.code != gdb.TYPE_CODE_STRUCT:
        return None
    if kind.tag == "objpool":
        return Printer(value)
    if kind.tag and kind.tag.endswith("_objpool_pool"):
        return Printer(value["base"])
    return None


class Objpool(gdb.Command):
    """objpool ADDRESS: a pool, and what each thread has done with it"""

    def __init__(self):
        super().__init__("objpool", gdb.COMMAND_DATA, gdb.COMPLETE_EXPRESSION)

    def invoke(self, argument, from_tty):
        try:
            pool = gdb.parse_and_eval(argument)
        except gdb.error as error:
            raise gdb.GdbError("%s: objpool &pool" % error)
        if pool.type.strip_typedefs().code != gdb.TYPE_CODE_PTR:
            raise gdb.GdbError("objpool wants the address of a pool: objpool &pool")
        if (pool.type.strip_typedefs().target().strip_typedefs().tag or "").endswith("_objpool_set"):
            classes = pool.dereference()["classes"]
            for size in range(classes.type.range()[1] + 1):
                self.show(classes[size])
        else:
            self.show(pool.cast(gdb.lookup_type("struct objpool").pointer()).dereference())

    def show(self, pool):
        print(summary(pool))
        if not word(pool["state"]):
            return
        state = pool["state"].dereference()
        rows = {}
        table = state["slots"]["table"]
        for row in range(word(gdb.parse_and_eval("(int)OBJPOOL__ROWS"))):
            rows.setdefault(word(table[row]), row)
        for cache in caches_of(state):
            index = rows.get(word(cache.address))
            print("  thread index %-4s %6d idle in its cache, %d acquires, %d releases" % (
                index if index is not None else "-", idle_in(state, cache), word(cache["slot"]["acquires"]),
                word(cache["slot"]["releases"])))
        print("  elsewhere         %6d idle in a magazine under the lock; %d bytes held" % (
            word(state["commons"]["count"]), word(state["memory"]["bytes"])))


# C++ puts namespaces and classes in front of a name, and parameters behind it
SCOPE = r"^([A-Za-z0-9_]+::|.anonymous.namespace.::)*"
END = r"(<.*)?([(].*)?$"
skipped = set()


def skip_generated(event=None):
    """Stepping goes over the functions that OBJPOOL_DEFINE generated, as over ours: to the caller's next line, or into a hook."""
    try:
        types = gdb.execute(r"info types _objpool_\(pool\|set\)$", to_string=True)
    except gdb.error:
        return
    for name in sorted(set(re.findall(r"(\w+)_objpool_(?:pool|set)\b", types)) - skipped):
        skipped.add(name)
        gdb.execute("skip -rfu " + SCOPE + "%s_(objpool_.*|guard_.*|init|destroy|acquire.*|try_acquire.*|release.*|discard|extract|warmup|trim.*|clear|"
                    "abandon|resize|attach|stats|reset_stats|close|drain|get|handle_of|rebind|cancel|refresh|memory_for|grow|class)" % name + END, to_string=True)


gdb.pretty_printers.append(printer_of)
Objpool()
gdb.execute("skip -rfu " + SCOPE + "objpool_", to_string=True)
gdb.events.new_objfile.connect(skip_generated)
skip_generated()
