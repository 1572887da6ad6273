# Enters the Debian root; sourced by bazelw after common.sh.
#
# A mount namespace whose root is the Debian root, with the machine's own /proc, /sys, /dev and /tmp and every top-level
# folder that a distribution does not own (home folders, checkouts). No process, network or user namespace of its own
# (root), so that Bazel's server outlives the call, servers under test have the loopback and the terminal stays the
# terminal. Each step replaces the process: nothing stands between the shell and the program, and Ctrl-C, exit codes and
# job control work as if it had been called directly.

# Environment of the machine that means something else inside: compiler and loader settings, certificate paths.
NC_UNSET=(
  CC CXX CPP CFLAGS CXXFLAGS CPPFLAGS LDFLAGS CPATH C_INCLUDE_PATH CPLUS_INCLUDE_PATH LIBRARY_PATH
  LD_LIBRARY_PATH LD_PRELOAD GCC_EXEC_PREFIX JAVA_HOME PYTHONHOME PYTHONPATH APT_CONFIG
  SSL_CERT_FILE SSL_CERT_DIR CURL_CA_BUNDLE GIT_SSL_CAINFO REQUESTS_CA_BUNDLE NODE_EXTRA_CA_CERTS
)

# nc_enter FOLDER COMMAND...: becomes COMMAND, in FOLDER, inside the root.
nc_enter() {
  local flags=(--mount --propagation private)
  [[ $(id -u) == 0 ]] || flags+=(--user --map-root-user --map-auto)
  unset "${NC_UNSET[@]}"
  export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
  export LANG=C.UTF-8 LC_ALL=C.UTF-8
  NC_EXTRA="$NC_CACHE:${NEARCACHE_OUTPUT_BASE:-}:${TEST_TMPDIR:-}" \
    exec unshare "${flags[@]}" -- /bin/bash "${BASH_SOURCE[0]}" "$NC_ROOT" "$@"
}

# Binds a folder or file of the machine to the same path in the root.
nc_bind() {
  local path="$1"
  if [[ -d "$path" ]]; then mkdir -p "$root$path"; fi
  mount --rbind "$path" "$root$path"
}

# Binds `path` only where the top-level folders bound already do not hold it.
nc_bind_extra() {
  case "$1" in
    /usr/* | /var/* | /etc/* | /run/* | /boot/*) [[ ! -d "$1" ]] || nc_bind "$1" ;;
  esac
}

nc_enter_mounts() {
  local path
  mount --rbind "$root" "$root"
  for path in /*; do
    case "$path" in
      /bin | /boot | /etc | /lib* | /lost+found | /run | /sbin | /usr | /var) continue ;;
    esac
    if [[ -d "$path" && ! -L "$path" ]]; then nc_bind "$path"; fi
  done
  for path in /etc/resolv.conf /etc/hosts; do
    if [[ -e "$path" ]]; then nc_bind "$path"; fi
  done
  local extra
  IFS=: read -r -a extra <<<"$NC_EXTRA:$1"
  for path in "${extra[@]}"; do nc_bind_extra "$path"; done
}

# Runs when this file is executed, which only nc_enter does: first process of the new namespace.
if [[ "${BASH_SOURCE[0]}" == "$0" ]]; then
  set -euo pipefail
  root="$1" folder="$2"
  shift 2
  nc_enter_mounts "$folder"
  unset NC_EXTRA
  cd "$root"
  pivot_root . .
  umount -l .
  cd "$folder"
  exec "$@"
fi
