#!/bin/bash
# Fault injection: tests/fault/fault.c runs a script that uses everything with the n-th allocation, `create`, system call or thread
# function, or look at the clock failing, for every n. Prints each N.
# test-all: takes long
set -eu
cd "$(dirname "$0")/../.."
CC=${CC:-cc}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
wrap=
for function in malloc calloc realloc aligned_alloc posix_memalign free pthread_key_create pthread_setspecific pthread_atfork pthread_create \
  pthread_cond_init pthread_condattr_init pthread_condattr_setclock pthread_mutex_init clock_gettime syscall; do
  wrap="$wrap -Wl,--wrap=$function"
done
for flags in "" "-U__linux__" "-fsanitize=address,undefined -fno-sanitize-recover=all"; do
  # shellcheck disable=SC2086
  "$CC" -std=gnu11 -O1 -g -Wall -Wextra -fexceptions -fno-builtin-malloc -fno-builtin-free $flags -pthread -I. $wrap \
    tests/fault/fault.c -o "$work/fault"
  case $flags in
    "") echo "faults:" ;;
    -U*) echo "faults on a system without futexes:" ;;
    *) echo "faults under AddressSanitizer and UndefinedBehaviorSanitizer:" ;;
  esac
  ASAN_OPTIONS=detect_leaks=0 timeout 600 tests/tools/steady "$work/fault" "$@"
done
