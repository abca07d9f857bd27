#!/bin/bash
# Searches the models of tests/model (Promela, by spin) completely: each must hold; and each of its mutants, named in its first comment
# with what it leaves out, must be caught. Then runs the closed C programs of tests/model, which drive the header's own code, with the
# options that tests/model/genmc explores them with; that is for a model checker which is not in Debian, and run by hand.
#
# tests/caches/test_models.sh [NAME...]      these models and programs only (revocation.pml, depot.c)
# needs: spin
# test-all: spin, and searches of minutes
set -eu
cd "$(dirname "$0")/../.."
CC=${CC:-cc}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
if [ $# -gt 0 ]; then names=("$@"); else mapfile -t names < <(cd tests/model && find . -name '*.pml' -o -name '*.c' | sed 's|^./||' | sort); fi

# search LEVEL MODEL OPTIONS...: prints what the search says; the status is 0 when it was complete and found nothing, 1 when it found an
# error. LEVEL: what is searched completely is worth optimising, what ends at the first error is not.
search() {
  local level=$1 model=$2 folder option options=()
  shift 2
  for option; do options+=("-D$option"); done
  folder=$(mktemp -d "$work/XXXXXX")
  (
    cd "$folder"
    cp "$OLDPWD/tests/model/$model" .
    spin -a "${options[@]}" "$model" >generate.log 2>&1 && [ -f pan.c ] || { cat generate.log; exit 2; }
    gcc -w $level -DSAFETY -DCOLLAPSE -DVECTORSZ=2048 -DMEMLIM=4000 -o pan pan.c
    ./pan -m3000000 -w22 >search.log 2>&1 || true
    grep -E '^pan:1|errors:|states, stored|max search depth|Search not completed|out of memory|MEMLIM' search.log
    if grep -q 'errors: 0' search.log; then
      ! grep -Eq 'max search depth too small|Search not completed|out of memory|reached.*MEMLIM' search.log || exit 3
      exit 0
    fi
    grep -q '^pan:1' search.log || exit 2
    exit 1
  )
  local status=$?
  rm -rf "$folder"
  return $status
}

one() { # LOG WANTED-STATUS MODEL OPTIONS...: one search; a line for it
  local log=$1 wanted=$2 model=$3 status=0 level=-O2
  shift 3
  [ "$wanted" = 0 ] || level=-O0
  search $level "$model" "$@" >"$log" 2>&1 || status=$?
  states=$(sed -n 's/^ *\([0-9.e+]*\) states, stored.*/\1/p' "$log" | tail -1)
  if [ $status != "$wanted" ]; then
    case $status in
    0) echo "FAILED $model $*: not caught ($states states)" ;;
    1) echo "FAILED $model $*: $(grep '^pan:1' "$log")" ;;
    3) echo "FAILED $model $*: the search was not complete: $(tail -2 "$log")" ;;
    *) echo "FAILED $model $*: could not be searched: $(tail -5 "$log")" ;;
    esac
    return 1
  fi
  case $wanted in
  0) echo "ok $model $*: holds, $states states, search complete" ;;
  1) echo "ok $model $*: caught, $(sed -n 's/^pan:1: \(.*\) (at depth.*/\1/p' "$log")" ;;
  esac
}

jobs_left=()
for name in "${names[@]}"; do
  case $name in
  *.pml)
    jobs_left+=("0 $name")
    while read -r options; do jobs_left+=("0 $name $options"); done < <(sed -n 's/^ \* also: \([A-Z_0-9= ]*\).*/\1/p' "tests/model/$name")
    while read -r options; do jobs_left+=("1 $name $options"); done < <(sed -n 's/^ \* mutant: \([A-Z][A-Z_0-9= ]*[A-Z0-9]\)\b.*/\1/p' "tests/model/$name")
    ;;
  *_closed.c)
    while read -r options; do jobs_left+=("c $name $options"); done < <(sed -n "s/^\(holds\|large\) ${name%_closed.c}\>//p" tests/model/genmc)
    ;;
  esac
done

program() { # RUN NAME OPTIONS...: a closed program, natively; a thread that waits for ever ends it by the timeout
  local run=$1 name=$2 option options=()
  shift 2
  for option; do options+=("-D$option"); done
  "$CC" -std=gnu11 -O2 -g -Wall -Wextra -pthread -I. ${options[@]+"${options[@]}"} "tests/model/$name" -o "$run" &&
    timeout 600 "$run"
}

number=0
for job in "${jobs_left[@]}"; do
  while [ "$(jobs -rp | wc -l)" -ge 2 ]; do wait -n || true; done
  number=$((number + 1))
  read -r -a word <<<"$job"
  if [ "${word[0]}" = c ]; then
    { program "$work/$number.run" "${word[@]:1}" >"$work/$number.log" 2>&1 && echo "ok ${word[*]:1}: $(tail -1 "$work/$number.log")" ||
      { echo "FAILED ${word[*]:1}:"; tail -5 "$work/$number.log"; touch "$work/bad"; }; } &
  else
    { one "$work/$number.log" "${word[@]}" || touch "$work/bad"; } &
  fi
done
wait
[ ! -e "$work/bad" ]
