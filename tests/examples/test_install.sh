#!/usr/bin/env bash
# make install puts the header and objpool.pc where a program outside of this repository finds them by pkg-config.
# needs: make pkg-config
set -eu
: "${CC:=cc}"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
fail() { echo "FAILED: $*"; exit 1; }

make --no-print-directory install PREFIX="$work/a prefix" >"$work/log" 2>&1 || { cat "$work/log"; exit 1; }
cmp objpool.h "$work/a prefix/include/objpool.h" || fail "the installed header differs"
echo "ok: the header is installed as it is, also below a path with a blank"

make --no-print-directory install PREFIX="$work/usr" >"$work/log"
cp examples/hello.c "$work"
export PKG_CONFIG_PATH=$work/usr/share/pkgconfig
# shellcheck disable=SC2046 # flags are words
(cd "$work" && "$CC" -std=c11 hello.c $(pkg-config --cflags --libs objpool) -o hello && ./hello >hello.out) ||
  fail "hello.c by the flags of pkg-config: $(pkg-config --cflags --libs objpool)"
grep -q reused "$work/hello.out" || fail "hello prints something else"
echo "ok: hello.c is built by the flags of pkg-config and runs"

version=$(printf '#include "objpool.h"\nOBJPOOL_VERSION_MAJOR.OBJPOOL_VERSION_MINOR.OBJPOOL_VERSION_PATCH\n' |
  "$CC" -E -P -I. - | tail -n 1 | tr -d ' ')
[ "$(pkg-config --modversion objpool)" = "$version" ] ||
  fail "objpool.pc names version $(pkg-config --modversion objpool), the header $version"
echo "ok: objpool.pc names version $version, as the header does"

make --no-print-directory install DESTDIR="$work/stage" PREFIX=/usr >"$work/log"
[ -f "$work/stage/usr/include/objpool.h" ] || fail "DESTDIR is not heeded"
grep -qx 'prefix=/usr' "$work/stage/usr/share/pkgconfig/objpool.pc" || fail "DESTDIR got into objpool.pc"
echo "ok: DESTDIR moves the files, and not the paths within them"
