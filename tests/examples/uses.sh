# shellcheck shell=bash disable=SC2034
# Read by the test_uses_*.sh: builds an example by the flags it states and runs it against the real thing.
# What it needs is installed first; a test ends with 77 when that cannot be had.
set -eu
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
: "${CC:=cc}"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
failed=0

need() { # PACKAGE…
  tests/tools/need "$@" || { echo "skipped: for want of $*"; exit 77; }
}

build() { # EXAMPLE [FLAG…]: into $work/examples
  local name=$1
  shift
  make --no-print-directory -B BUILD="$work" CC="$CC" CFLAGS="$*" "$work/examples/$name" >"$work/log" 2>&1 && return
  cat "$work/log"
  echo "FAILED: $name does not build"
  exit 1
}

ok() { echo "ok: $*"; }
wrong() {
  echo "FAILED: $*"
  failed=1
}

run() { # COMMAND…: shows and keeps what it says; it must end well
  local status=0
  timeout -k 10 400 "$@" >"$work/said" 2>&1 || status=$?
  sed 's/^/    /' "$work/said"
  [ $status != 77 ] || exit 77
  [ $status = 0 ] || wrong "exit status $status of $*"
}

says() { # REGEX WHAT: did it say so?
  if grep -Eq -- "$1" "$work/said"; then ok "$2"; else wrong "$2: nothing matches \"$1\""; fi
}

number() { # REGEX WITH ONE GROUP: the number there, or nothing
  sed -nE "s|.*$1.*|\\1|p" "$work/said" | head -n 1
}

at_least() { # NUMBER LEAST WHAT
  if awk -v number="${1:-none}" -v least="$2" 'BEGIN { exit !(number ~ /^[0-9.]+$/ && number + 0 >= least) }'; then
    ok "$3 ($1)"
  else
    wrong "$3: '$1' is less than $2"
  fi
}

equal() { # NUMBER NUMBER WHAT
  if [ -n "$1" ] && [ "$1" = "$2" ]; then ok "$3 ($1)"; else wrong "$3: '$1' is not '$2'"; fi
}
