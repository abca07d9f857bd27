#!/usr/bin/env bash
# make install puts the header where a program outside of this repository finds it: by pkg-config, by CMake, by Meson; a plain copy
# does, too. The manual pages are there and clean, and gdb shows a pool by the script that was installed.
# needs: make pkg-config
set -eu
: "${CC:=cc}"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
fail() { echo "FAILED: $*"; exit 1; }

make --no-print-directory install PREFIX="$work/a prefix" >"$work/log" 2>&1 || { cat "$work/log"; exit 1; }
cmp objpool.h "$work/a prefix/include/objpool.h" || fail "the installed header differs"
cp examples/hello.c "$work"
(cd "$work" && flags=$(PKG_CONFIG_PATH="$work/a prefix/share/pkgconfig" pkg-config --cflags --libs objpool) &&
  eval "\"\$CC\" -std=c11 hello.c $flags -o hello" && ./hello >hello.out) || fail "hello.c by the flags of pkg-config below a path with a blank"
echo "ok: the header is installed as it is and found, also below a path with a blank"

make --no-print-directory install PREFIX="$work/usr" >"$work/log"
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

# fresh folders, each by its own means
fresh() { # NAME: a folder with hello.c alone
  mkdir "$work/$1"
  cp examples/hello.c "$work/$1"
  cd "$work/$1"
}
says() { [ "$("$1" | tail -n 1)" = '67 % of the requests reused a connection' ] || fail "$1 prints something else"; }
(fresh copy && cp "$OLDPWD/objpool.h" . && "$CC" -std=c11 hello.c -pthread -o hello && says ./hello) || fail "a plain copy"
echo "ok: a plain copy of the header"

if command -v cmake >/dev/null; then
  (fresh cmake && printf '%s\n' 'cmake_minimum_required(VERSION 3.13)' 'project(hello C)' 'set(CMAKE_C_STANDARD 11)' \
    'find_package(objpool 2.0 REQUIRED)' 'add_executable(hello hello.c)' 'target_link_libraries(hello objpool::objpool)' >CMakeLists.txt &&
    cmake -DCMAKE_PREFIX_PATH="$work/usr" -DCMAKE_C_COMPILER="$CC" -B out . >log 2>&1 && cmake --build out >>log 2>&1 && says out/hello) ||
    { cat "$work/cmake/log"; fail "find_package of CMake"; }
  (cd "$work/cmake" && sed -i 's/objpool 2.0/objpool 3.0/' CMakeLists.txt && ! cmake -DCMAKE_PREFIX_PATH="$work/usr" -B out3 . >log 2>&1 &&
    grep -q 'compatible with requested version' log) || fail "CMake takes version $version for 3.0"
  echo "ok: find_package of CMake, version 2 and not 3"
else
  echo "left out: CMake"
fi

if command -v meson >/dev/null && command -v ninja >/dev/null; then
  (fresh meson && printf '%s\n' "project('hello', 'c', default_options: ['c_std=c11'])" \
    "executable('hello', 'hello.c', dependencies: dependency('objpool', version: '>=2.0'))" >meson.build &&
    CC=$CC meson setup out >log 2>&1 && meson compile -C out >>log 2>&1 && says out/hello) ||
    { cat "$work/meson/log"; fail "dependency of Meson"; }
  echo "ok: dependency of Meson"
else
  echo "left out: Meson"
fi

pages='objpool objpool_config objpool_define objpool_fleet objpool_loop objpool_stats objpool_untyped'
[ "$(cd "$work/usr/share/man/man3" && echo *.3)" = "$(echo "$pages" | sed 's/ \|$/.3&/g')" ] || fail "not these manual pages: $pages"
for function in $(sed -n 's/^OBJPOOL_API [^(]*[ *]\(objpool_[a-z][a-z_]*\)(.*/\1/p' objpool.h | sort -u); do
  grep -q "\b$function(" "$work"/usr/share/man/man3/*.3 || fail "no manual page has $function"
done
grep -n 'OBJPOOL__' "$work"/usr/share/man/man3/*.3 && fail "internals in the manual pages"
grep -nE '^ *;|^[a-z][a-z_ ]*[*]$' "$work"/usr/share/man/man3/*.3 && fail "half a declaration in the manual pages"
# within a struct or an enum stands code
awk '/^typedef (struct|enum) [^}]*$/ { body = 1 } body && /^\.(Ed|Pp)/ { print FILENAME ":" FNR; found = 1 } /^}/ { body = 0 } END { exit !found }' \
  "$work"/usr/share/man/man3/*.3 && fail "text within a struct in the manual pages"
count=$(echo "$pages" | wc -w)
if command -v mandoc >/dev/null; then
  mandoc -Tlint "$work"/usr/share/man/man3/*.3 || fail "mandoc -Tlint"
  echo "ok: $count manual pages have every public function; mandoc finds nothing"
else
  echo "ok: $count manual pages have every public function (left out: mandoc)"
fi

cmp examples/objpool.ctags "$work/usr/share/objpool/objpool.ctags" || fail "the options of ctags differ"

if command -v gdb >/dev/null; then
  "$CC" -g -O0 -std=c11 -pthread -I. examples/hello.c -o "$work/debugged"
  gdb -nx -batch -ex "source $work/usr/share/objpool/objpool-gdb.py" -ex 'break conn_open' -ex 'break perror' -ex 'run' -ex 'up' \
    -ex 'break conn_pool_destroy' -ex 'continue' -ex 'up' -ex 'print pool' -ex 'objpool &pool' "$work/debugged" >"$work/gdb.log" 2>&1 </dev/null || true
  if grep -q 'ptrace: Operation not permitted' "$work/gdb.log"; then
    echo "left out: gdb may not trace here"
  else
    grep -q '= objpool "conn_pool", cached: 0 in use, 1 idle, max_objects no limit' "$work/gdb.log" || { cat "$work/gdb.log"; fail "print pool"; }
    grep -q 'idle in its cache, 3 acquires, 3 releases' "$work/gdb.log" || { cat "$work/gdb.log"; fail "objpool &pool"; }
    echo "ok: gdb shows a pool, and what each thread did"
  fi
else
  echo "left out: gdb"
fi
