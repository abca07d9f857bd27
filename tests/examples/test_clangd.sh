#!/usr/bin/env bash
# What an editor shows of a pool's functions, by clangd: whole-word parameters, and no internals in front; from clangd 19 on, in C, what
# stands in a comment above OBJPOOL_DEFINE.
# test-all: clangd
# needs: clangd python3
set -eu
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
clangd=$(compgen -c clangd- | sort -uV | tail -n 1) # the newest
[ -n "$clangd" ] || clangd=$(command -v clangd || true)
[ -n "$clangd" ] || { echo "no clangd here (Debian: clangd)"; exit 77; }

cat >"$work/desk.c" <<'C'
#include "objpool.h"
struct conn {
  int queries;
};
/** Connections of the desk. */
OBJPOOL_DEFINE(conn_pool, struct conn);
static conn_pool pool;
int main(void) {
  struct conn *conn = conn_pool_acquire_for(&pool, OBJPOOL_MS(250));
  conn_pool_release(&pool, conn);
  (void)conn_pool_try_acquire(&pool);
  (void)conn_pool_resize(&pool, 1, 2);
  conn_pool_trim_some(&pool, 1, 2);
  return (int)conn_pool_acquire_many(&pool, &conn, 1);
}
C
cp "$work/desk.c" "$work/desk.cpp"

cat >"$work/ask.py" <<'PYTHON'
import json, re, subprocess, sys

clangd, path, flags = sys.argv[1], sys.argv[2], sys.argv[3:]
text = open(path).read()
server = subprocess.Popen([clangd, "--log=error", "--background-index=0"], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                          stderr=subprocess.DEVNULL)
number = 0


def send(method, parameters, answered=True):
    global number
    message = {"jsonrpc": "2.0", "method": method, "params": parameters}
    if answered:
        number += 1
        message["id"] = number
    body = json.dumps(message).encode()
    server.stdin.write(b"Content-Length: %d\r\n\r\n" % len(body) + body)
    server.stdin.flush()
    while answered:
        length = 0
        while True:
            line = server.stdout.readline()
            if not line:
                sys.exit("clangd has ended")
            if not line.strip():
                break
            if line.lower().startswith(b"content-length:"):
                length = int(line.split(b":")[1])
        answer = json.loads(server.stdout.read(length))
        if answer.get("method") == "textDocument/publishDiagnostics":
            for found in answer["params"]["diagnostics"]:
                sys.exit("clangd complains: " + found["message"])
        if answer.get("id") == number and "method" not in answer:
            return answer["result"]


version = re.search(r"version (\d+)", subprocess.run([clangd, "--version"], stdout=subprocess.PIPE, text=True).stdout)
comments = path.endswith(".c") and version and int(version.group(1)) >= 19
file = {"uri": "file://" + path}
send("initialize", {"processId": None, "rootUri": None, "capabilities": {}, "initializationOptions": {"fallbackFlags": flags}})
send("initialized", {}, answered=False)
send("textDocument/didOpen", {"textDocument": dict(file, languageId="cpp" if path.endswith("cpp") else "c", version=1, text=text)},
     answered=False)


def at(word):  # just behind it
    before = text[:text.index(word) + len(word)]
    return {"textDocument": file, "position": {"line": before.count("\n"), "character": len(before) - before.rfind("\n") - 1}}


for signature in ("conn_pool_acquire_for(conn_pool *pool, int64_t timeout_ns)", "conn_pool_try_acquire(conn_pool *pool)",
                  "conn_pool_release(conn_pool *pool, conn_pool_objpool_value *object)",
                  "conn_pool_resize(conn_pool *pool, size_t max_idle, size_t max_objects)",
                  "conn_pool_trim_some(conn_pool *pool, size_t keep, size_t most)",
                  "conn_pool_acquire_many(conn_pool *pool, conn_pool_objpool_value **objects, size_t count)"):
    place = at(signature.split("(")[0])
    place["position"]["character"] -= 1
    shown = send("textDocument/hover", place)
    shown = " ".join(json.loads(json.dumps(shown["contents"]["value"])).split()) if shown else "nothing"
    if signature not in shown:
        sys.exit("FAILED: clangd shows %s instead of %s" % (shown, signature))
    if comments and "Connections of the desk." not in shown:
        sys.exit("FAILED: clangd shows no comment with %s: %s" % (signature, shown))

items = send("textDocument/completion", at("conn_pool_"))["items"]
items = [item["label"].strip().lstrip("• ") for item in sorted(items, key=lambda item: item.get("sortText", item["label"]))]
for name in ("acquire", "acquire_for", "try_acquire", "release", "init", "destroy"):
    if not any(item.startswith("conn_pool_%s(" % name) for item in items):
        sys.exit("FAILED: completion does not offer conn_pool_%s: %s" % (name, items[:10]))
internal = [place for place, item in enumerate(items) if "objpool_" in item.split("(")[0]]
if internal and internal[0] < 5:
    sys.exit("FAILED: completion begins with internals: %s" % items[:10])
print("ok: %s shows the parameters of %s by their names, %sand completes without internals first" %
      (clangd, path.rsplit("/")[-1], "and the comment above them, " if comments else ""))
server.kill()
PYTHON

timeout 300 python3 "$work/ask.py" "$clangd" "$work/desk.c" "-I$PWD" -std=c11
timeout 300 python3 "$work/ask.py" "$clangd" "$work/desk.cpp" "-I$PWD" -std=c++17
