#!/usr/bin/env bash
# examples/objpool.ctags: ctags finds each function and type that OBJPOOL_DEFINE and OBJPOOL_SIZES really make, as the preprocessor says,
# at the line that makes it, in C, C++ and headers; none that they do not make, and none in the comments of objpool.h.
# test-all: ctags
# needs: universal-ctags
set -eu
: "${CC:=cc}"
command -v ctags >/dev/null && ctags --version | grep -q 'Universal Ctags' || { echo "no Universal Ctags here (Debian: universal-ctags)"; exit 77; }
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
failed=0

mkdir "$work/desk"
cat >"$work/desk/desk.c" <<'C'
#include "objpool.h"
struct conn {
  int queries;
};
OBJPOOL_DEFINE(conn_pool, struct conn,
               opt.local = true);
OBJPOOL_SIZES(buffers, 64, 256);
C
cat >"$work/desk/shelf.h" <<'C'
#include "objpool.h"
OBJPOOL_DEFINE( DB2_Pool , int, opt.handles = true, opt.timed = true, opt.tracked = true);
OBJPOOL_SIZES(Sizes16, 64, 256);
C
cat >"$work/desk/board.cpp" <<'C'
#include "objpool.h"
#include <string>
namespace inner {
  OBJPOOL_DEFINE(stringPool, std::string);
  OBJPOOL_SIZES(_Set, 64, 256);
}
C
cp objpool.h "$work/desk"
(cd "$work/desk" && ctags -R -n --options="$OLDPWD/examples/objpool.ctags" -f ../tags .) >"$work/log" 2>&1 || { cat "$work/log"; exit 1; }
[ ! -s "$work/log" ] || { cat "$work/log"; echo "FAILED: ctags complains"; exit 1; }

found() { # NAME: what of the pool is tagged where, as "TAG FILE:LINE"
  sed -nE "s|^($1(_[A-Za-z0-9_]*)?)	(\./)?([^	]*)	([0-9]+);.*|\1 \4:\5|p" "$work/tags" | sort -u
}
made() { # NAME FILE MACRO: what the preprocessor makes, but for what is ours alone
  local line language=c
  case $2 in *.cpp) language=c++ ;; esac
  line=$(grep -n "$3( *$1\b" "$work/desk/$2" | cut -d: -f1)
  "$CC" -x $language -E -P "$work/desk/$2" | grep -oE "\b$1(_[A-Za-z0-9_]*)?\b" | grep -v "^$1_objpool_" | sed "s|\$| $2:$line|" | sort -u
}

while read -r name file macro least; do
  made "$name" "$file" "$macro" >"$work/made"
  found "$name" >"$work/found"
  if [ "$(wc -l <"$work/made")" -lt "$least" ]; then
    echo "FAILED: the preprocessor makes only $(wc -l <"$work/made") names of $name"
    failed=1
  elif diff "$work/made" "$work/found" >"$work/log"; then
    echo "ok: all $(wc -l <"$work/made") names of $name, in $file"
  else
    cat "$work/log"
    echo "FAILED: of $name, < is made and not found, > found and not made"
    failed=1
  fi
done <<'LIST'
conn_pool desk.c OBJPOOL_DEFINE 40
buffers desk.c OBJPOOL_SIZES 14
DB2_Pool shelf.h OBJPOOL_DEFINE 40
Sizes16 shelf.h OBJPOOL_SIZES 14
stringPool board.cpp OBJPOOL_DEFINE 40
_Set board.cpp OBJPOOL_SIZES 14
LIST
exit $failed
