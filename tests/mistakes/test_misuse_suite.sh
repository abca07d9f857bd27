#!/bin/bash
# test-all: sanitizers, C++ compilers, valgrind; takes long
# Runs the programs of tests/misuse: each makes one mistake, and its first comment tells what comes of it, a line for each way
# of building it:
#
#   plain: panic TEXT       the program aborts, and says TEXT in one line on stderr and nothing else
#   plain: prints TEXT      it ends well, having said TEXT in one line on stderr
#   plain: silence          it ends well and says nothing: the mistake is answered by a documented error, which it checks
#   plain: dies SIGNAL RE   it ends by that signal, and stderr matches RE
#   asan: report TEXT       it ends with an error, and the report names TEXT, the file and the line marked MISTAKE
#   compile: rejects RE     it does not compile, and the error matches RE        (link: it does not link)
#   second: FLAGS           the file is compiled a second time with -DSECOND FLAGS, and linked in
#
# The ways: plain (gcc or whatever CC is, and as C++ by CXX), asan, msan (clang), tsan, valgrind, compile, link.
# In TEXT, {pointer} stands for the pointer the program announced on stdout.
# Each is also built with -DWITHOUT_MISTAKE, and must then end well and in silence: it is the mistake that is answered.
#
# tests/mistakes/test_misuse_suite.sh [NAME...]     the programs of these names only
set -eu
cd "$(dirname "$0")/../.."
CC=${CC:-cc} CXX=${CXX:-c++} CLANG=${CLANG:-clang}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
strict="-Wall -Wextra -Wpedantic -Wshadow -Werror"
flags_plain="-O2"
flags_asan="-O0 -g1 -fsanitize=address,undefined -fno-sanitize-recover=all"
flags_msan="-O1 -g -fsanitize=memory -fno-omit-frame-pointer"
flags_tsan="-O1 -g -fsanitize=thread"
flags_valgrind="-O0 -g -DOBJPOOL_VALGRIND"
flags_compile="-O1" flags_link="-O1"
export ASAN_OPTIONS=detect_leaks=1:abort_on_error=0:exitcode=55 MSAN_OPTIONS=exitcode=55 TSAN_OPTIONS=exitcode=55:halt_on_error=1
export UBSAN_OPTIONS=print_stacktrace=1


compiler_for() { # WAY LANGUAGE
  case $1-$2 in msan-c) echo "$CLANG" ;; msan-c++) echo "$CLANG++" ;; *-c++) echo "$CXX" ;; *) echo "$CC" ;; esac
}

# Compiles what is given with -c; the options of the language go by the compiler's purpose, not by its name.
compile() { # WAY LANGUAGE OUTPUT SOURCE FLAGS...
  local way=$1 lang=$2 output=$3 source=$4 options="-std=gnu11" flags=flags_$1
  shift 4
  [ "$lang" = c ] || options="-x c++ -std=c++17"
  # shellcheck disable=SC2086
  "$(compiler_for "$way" "$lang")" $options -fexceptions $strict ${!flags} -I. -Itests/misuse -pthread "$@" -c "$source" -o "$output"
}

cp objpool.h "$work/" # the file as it is now, whatever happens to it meanwhile

have() { # WAY: can this way be built and run here?
  case $1 in
  valgrind) command -v valgrind >/dev/null && [ -e /usr/include/valgrind/memcheck.h ] ;;
  *)
    echo 'int main(void){return 0;}' >"$work/probe-$1.c"
    local flags=flags_$1
    # shellcheck disable=SC2086
    "$(compiler_for "$1" c)" ${!flags} "$work/probe-$1.c" -o "$work/probe-$1" 2>/dev/null && tests/tools/steady "$work/probe-$1"
    ;;
  esac
}

# The implementation is compiled once for each way and language, not once for each program.
printf '#define OBJPOOL_IMPLEMENTATION\n#include "objpool.h"\n' >"$work/implementation.c"
usable=
for way in plain asan msan tsan valgrind compile link; do
  if have $way; then usable="$usable $way"; else echo "tests/misuse: $way cannot be built or run here"; continue; fi
  case $way in compile | link) continue ;; esac
  compile $way c "$work/implementation-$way-c.o" "$work/implementation.c" &
  compile $way c++ "$work/implementation-$way-c++.o" "$work/implementation.c" &
  wait
  for lang in c c++; do
    [ -e "$work/implementation-$way-$lang.o" ] || { echo "FAILED: the implementation does not build as $lang for $way (see above)" >&2; exit 1; }
  done
done

fail() { # NAME WAY LANGUAGE WHAT [FILE]
  { echo "FAILED $1, $2, $3: $4"; [ $# -lt 5 ] || sed 's/^/    /' "$5" | head -40; } >&2
  return 1
}

run() { # WAY PROGRAM OUTPUT: the status of the program; its output in OUTPUT.out and OUTPUT.err
  local status=0
  local -a how=()
  case $1 in
  asan | msan | tsan) how=(tests/tools/steady) ;;
  valgrind) how=(valgrind -q --error-exitcode=55 --leak-check=full) ;;
  esac
  { ( ulimit -c 0; exec timeout 120 ${how[@]+"${how[@]}"} "$2" ) >"$3.out" 2>"$3.err"; } 2>/dev/null || status=$? # the shell need not say who aborted
  return $status
}

build() { # NAME WAY LANGUAGE OUTPUT FLAGS...
  local name=$1 way=$2 lang=$3 output=$4 source=tests/misuse/$1 second
  local -a objects
  shift 4
  objects=("$output.o")
  compile "$way" "$lang" "$output.o" "$source" "$@" || return 1
  if second=$(grep -m1 '^ \* second:' "$source"); then
    # shellcheck disable=SC2086
    compile "$way" "$lang" "$output.second.o" "$source" -DSECOND "$@" ${second#*second:} || return 1
    objects+=("$output.second.o")
  fi
  grep -q '^#define OBJPOOL_IMPLEMENTATION' "$source" || objects+=("$work/implementation-$way-$lang.o")
  local flags=flags_$way
  # shellcheck disable=SC2086
  "$(compiler_for "$way" "$lang")" ${!flags} -fexceptions -pthread "${objects[@]}" -o "$output"
}

check() { # NAME WAY LANGUAGE OUTCOME TEXT
  local name=$1 way=$2 lang=$3 outcome=$4 text=$5 status=0 line pointer
  local program=$work/$name-$way-$lang
  if [ "$outcome" = rejects ]; then
    if build "$name" "$way" "$lang" "$program" >"$program.err" 2>&1; then fail "$name" "$way" "$lang" "is not rejected"; return 1; fi
    grep -Eq -e "$text" "$program.err" || { fail "$name" "$way" "$lang" "rejected in other words than /$text/" "$program.err"; return 1; }
    if [ "$way" = link ] && ! [ -e "$program.second.o" ]; then fail "$name" link "$lang" "does not even compile" "$program.err"; return 1; fi
  else
    build "$name" "$way" "$lang" "$program" 2>"$program.err" || { fail "$name" "$way" "$lang" "does not build" "$program.err"; return 1; }
    run "$way" "$program" "$program" || status=$?
    pointer=$(sed -n 's/^pointer //p' "$program.out")
    text=${text//\{pointer\}/$pointer}
    case $outcome in
    panic)
      [ $status = 134 ] || { fail "$name" "$way" "$lang" "status $status, not that of an abort" "$program.err"; return 1; }
      grep -v '^==[0-9]*==' "$program.err" | sed '/^$/d' >"$program.said" || true
      # Valgrind tells of the abort itself, in lines of its own
      [ "$(cat "$program.said")" = "$text" ] || { fail "$name" "$way" "$lang" "does not say: $text" "$program.err"; return 1; }
      ;;
    prints)
      [ $status = 0 ] && [ "$(cat "$program.err")" = "$text" ] || { fail "$name" "$way" "$lang" "status $status, or does not say: $text" "$program.err"; return 1; }
      ;;
    silence)
      [ $status = 0 ] && ! [ -s "$program.err" ] || { fail "$name" "$way" "$lang" "status $status, or not silent" "$program.err"; return 1; }
      ;;
    dies)
      [ $status = $((128 + $(kill -l "${text%% *}"))) ] && grep -Eq -e "${text#* }" "$program.err" ||
        { fail "$name" "$way" "$lang" "status $status, or does not say /${text#* }/" "$program.err"; return 1; }
      ;;
    report)
      # gcc's ThreadSanitizer reports with 66, Valgrind and the others with what they were told
      [ $status != 0 ] && [ $status -lt 124 ] || { fail "$name" "$way" "$lang" "status $status, not that of a report" "$program.err"; return 1; }
      line=$(grep -n 'MISTAKE' "tests/misuse/$name" | grep -v WITHOUT_MISTAKE | head -1 | cut -d: -f1)
      grep -Fq -e "$text" "$program.err" || { fail "$name" "$way" "$lang" "does not report: $text" "$program.err"; return 1; }
      case $text in LeakSanitizer*) return 0 ;; esac # a leak has no line but that of the allocation
      grep -Eq "$name:$line\b" "$program.err" || { fail "$name" "$way" "$lang" "the report does not name line $line" "$program.err"; return 1; }
      ;;
    *) fail "$name" "$way" "$lang" "unknown outcome $outcome"; return 1 ;;
    esac
  fi
  rm -f "$program" "$program".*
  case $name-$lang in *.c-c++) return 0 ;; esac # as C it was looked at without the mistake
  status=0
  program=$work/$name-$way-$lang-right
  build "$name" "$way" "$lang" "$program" -DWITHOUT_MISTAKE 2>"$program.err" ||
    { fail "$name" "$way" "$lang" "does not build without the mistake" "$program.err"; return 1; }
  run "$way" "$program" "$program" || status=$?
  [ $status = 0 ] && ! [ -s "$program.err" ] || { fail "$name" "$way" "$lang" "without the mistake: status $status, or not silent" "$program.err"; return 1; }
  rm -f "$program" "$program".*
}

# One program, in all its ways; the checks made and left out are counted in files, as programs run in parallel.
program() {
  local name=$1 source=tests/misuse/$1 way outcome text lang bad=0 done="" line
  while IFS= read -r line; do
    way=${line%%:*} && outcome=${line#*: } && text=${outcome#* } && outcome=${outcome%% *}
    case " $usable " in *" $way "*) ;; *) echo "$name $way" >>"$work/skipped"; continue ;; esac
    for lang in c c++; do
      case $name-$lang in *.cpp-c) continue ;; esac
      if [ $lang = c++ ] && sed -n 1p "$source" | grep -q '^/\* C only'; then continue; fi
      # the sanitizers look at what runs, which is the same code in both languages
      case $name-$way-$lang in *.c-asan-c++ | *.c-msan-c++ | *.c-tsan-c++ | *.c-valgrind-c++) continue ;; esac
      if check "$name" "$way" $lang "$outcome" "$text"; then echo "$name $way $lang" >>"$work/passed"; done="$done $way/$lang"; else bad=1; echo "$name" >>"$work/failed"; fi
    done
  done < <(sed -n 's/^ \* \(\(plain\|asan\|msan\|tsan\|valgrind\|compile\|link\): .*\)/\1/p' "$source")
  [ -n "$done" ] || [ $bad = 1 ] || case " $usable " in *) echo "$name: nothing of it can run here" ;; esac
  [ $bad = 1 ] || [ -z "$done" ] || echo "ok $name:$done"
}

if [ $# -gt 0 ]; then names=("$@"); else mapfile -t names < <(cd tests/misuse && ls ./*.c ./*.cpp | sed 's|^\./||'); fi
: >"$work/passed" && : >"$work/failed" && : >"$work/skipped"
for name in "${names[@]}"; do
  while [ "$(jobs -rp | wc -l)" -ge "$(nproc)" ]; do wait -n || true; done
  program "$name" &
done
wait
echo "misuse: ${#names[@]} programs, $(wc -l <"$work/passed") outcomes as told, $(wc -l <"$work/failed") not, $(wc -l <"$work/skipped") not looked at for want of a tool"
[ ! -s "$work/skipped" ] || sed 's/^/  not looked at: /' "$work/skipped"
[ ! -s "$work/failed" ] || exit 1
[ -s "$work/passed" ] || exit 77
