#!/usr/bin/env bash
# The same header where a word has 32 bits: tests/platforms/narrow.c, built by CC with -m32 where that can be had.
# test-all: a compiler for 32 bits
set -eu
cd "$(dirname "$0")/../.."
CC=${CC:-cc}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
# the kernel's headers are the same for both widths, but may be linked for the other one alone
narrow="-m32 -idirafter /usr/include/x86_64-linux-gnu -pthread"
echo '#include <errno.h>
int main(void) { return sizeof(void *) != 4; }' >"$work/probe.c"
# shellcheck disable=SC2086
builds() { "$CC" $narrow "$work/probe.c" -o "$work/probe" 2>/dev/null; }
# not gcc-multilib, which excludes the compilers for other processors
builds || ! gcc=$(gcc -dumpversion 2>/dev/null) || tests/tools/need "gcc-${gcc%%.*}-multilib" || true
if ! builds || ! "$work/probe"; then
  echo "$CC -m32 builds no programs here, or they do not run"
  exit 77
fi
for level in -O0 -O2; do
  # shellcheck disable=SC2086
  "$CC" $narrow -std=gnu11 $level -g -Wall -Wextra -Werror -I. tests/platforms/narrow.c -o "$work/narrow"
  timeout 60 "$work/narrow"
  echo "ok: $CC -m32 $level"
done
