# Shared by bazelw and the scripts beside this file; sourced, never run. Sets the cache's layout and speaks for all steps.

NC_CACHE="${XDG_CACHE_HOME:-$HOME/.cache}/nearcache"
NC_ROOT="$NC_CACHE/root"          # the Debian root that holds Bazel, compilers and servers
NC_LOG="$NC_CACHE/setup.log"      # full output of the set-up steps
NC_SUITE=forky                    # the first Debian suite whose Bazel (7.7.1) builds the dependencies
NC_SOURCE_SUITE=trixie            # frozen suite whose source packages are the pinned dependencies

nc_say() { printf 'bazelw: %s\n' "$*" >&2; }

nc_die() {
  nc_say "$*"
  exit 1
}

# nc_step TEXT COMMAND...: runs a set-up step with its output in the log, says what it does and how long it took.
nc_step() {
  local text="$1" began=$SECONDS
  shift
  nc_say "$text ..."
  # Not `if ! ...`: a condition would switch off the step's own `set -e`.
  local status=0
  set +e
  (set -e && "$@") >>"$NC_LOG" 2>&1
  status=$?
  set -e
  if [[ $status != 0 ]]; then
    tail -n 15 "$NC_LOG" | sed 's/^/    /' >&2
    nc_die "failed: $text (all output: $NC_LOG)"
  fi
  nc_say "$text: done in $((SECONDS - began)) s"
}

# Writes the address of the machine's own Debian mirror, read from its apt sources.
nc_mirror() {
  local codename list
  codename="$(. /etc/os-release && printf '%s' "${VERSION_CODENAME:-}")"
  shopt -s nullglob
  for list in /etc/apt/sources.list.d/*.sources; do
    awk -v suite="$codename" '
      function finish() { if (uri != "" && (suites ~ "(^| )" suite "( |$)")) { print uri; exit } uri = ""; suites = "" }
      /^#/ { next }
      /^[[:space:]]*$/ { finish(); next }
      tolower($1) == "uris:" { uri = $2 }
      tolower($1) == "suites:" { $1 = ""; suites = $0 }
      END { finish() }' "$list"
  done | head -n 1 | grep . && return
  for list in /etc/apt/sources.list /etc/apt/sources.list.d/*.list; do
    [[ -f "$list" ]] || continue
    sed -nE "s/^deb[[:space:]]+(\[[^]]*\][[:space:]]+)?([^[:space:]]+)[[:space:]]+$codename[[:space:]].*/\2/p" "$list"
  done | head -n 1 | grep .
}

# Takes the set-up lock; a second copy waits here. The descriptor is closed by the return to the caller's subshell.
nc_lock() {
  mkdir -p "$NC_CACHE"
  exec {NC_LOCK}>"$NC_CACHE/setup.lock"
  if ! flock --nonblock "$NC_LOCK"; then
    nc_say "another copy is setting up; waiting for it ..."
    flock "$NC_LOCK"
  fi
}
