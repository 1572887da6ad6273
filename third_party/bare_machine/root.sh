# Builds and extends the Debian root; sourced by bazelw after common.sh.

# Bazel, its rules, both compilers with their sanitizers, servers to test against, tools for whoever debugs in there,
# and Django with its cache packages, whose data the library reads.
NC_PACKAGES=(
  bazel-bootstrap bazel-platforms bazel-rules-cc bazel-skylib bazel-features
  g++ clang clang-format clang-tidy lld llvm libclang-rt-dev
  libssl-dev zlib1g-dev
  redis-server redis-tools valkey-server valkey-tools openssl stunnel4
  gdb valgrind strace linux-perf
  python3 python3-django python3-django-redis python3-redis python3-hiredis python3-zstandard
  git ca-certificates patch zip unzip xz-utils zstd curl file less mount procps iproute2
)

# Libraries that the comparing benchmarks measure against; installed by `./bazelw --install-peers`.
NC_PEER_PACKAGES=(librocksdb-dev libleveldb-dev libtbb-dev libboost-dev)

# Writes the wanted packages that the root's own list of finished packages lacks.
nc_root_missing() {
  local done_list="$NC_ROOT/etc/nearcache-packages" package
  for package in "$@"; do
    grep -qxF -- "$package" "$done_list" 2>/dev/null || printf '%s\n' "$package"
  done
}

# Makes sure the tools that build the root are on this machine.
nc_root_tools() {
  local tool need=()
  for tool in mmdebstrap xz; do
    command -v "$tool" >/dev/null || need+=("${tool/#xz/xz-utils}")
  done
  if [[ $(id -u) != 0 ]]; then
    command -v newuidmap >/dev/null || need+=(uidmap)
    unshare --user --map-root-user true 2>/dev/null ||
      nc_die "needs root, or user namespaces (as root once: sysctl kernel.unprivileged_userns_clone=1)"
  fi
  [[ ${#need[@]} == 0 ]] && return
  [[ $(id -u) == 0 ]] || nc_die "missing tools; as root once: apt-get install ${need[*]}"
  nc_step "updating this machine's package index" apt-get -q update
  nc_step "installing ${need[*]}" env DEBIAN_FRONTEND=noninteractive apt-get -q -y --no-install-recommends \
    install "${need[@]}"
}

# The last touch to a new root, and the list of what it holds: no service of the root ever starts by itself, each file
# bound later has a place to be bound to, and our own rc files stand in for Debian's, which suits one mode and uses
# deprecated flags.
# shellcheck disable=SC2016
NC_ROOT_FINISH='
  set -euo pipefail
  cd "$1"
  printf "#!/bin/sh\nexit 101\n" >usr/sbin/policy-rc.d
  chmod 755 usr/sbin/policy-rc.d
  touch etc/resolv.conf etc/hosts
  printf "# See third_party/bare_machine/deps.sh in the checkout.\n" >etc/bazel/bazelrc
  printf "%s\n" "${@:2}" >etc/nearcache-packages'

nc_root_bootstrap() {
  local staging="$1" mirror="$2" list
  list="$(IFS=,; printf '%s' "${NC_PACKAGES[*]}")"
  mmdebstrap --variant=apt --include="$list" \
    --aptopt='Acquire::Check-Valid-Until "false"' --aptopt='Acquire::Languages "none"' \
    --dpkgopt='path-exclude=/usr/share/locale/*' --dpkgopt=force-unsafe-io \
    "$NC_SUITE" "$staging" "deb $mirror $NC_SUITE main" </dev/null
  [[ $(id -u) == 0 ]] || nc_root_shift_ids "$staging"
  nc_mapped bash -c "$NC_ROOT_FINISH" bash "$staging" "${NC_PACKAGES[@]}"
}

# Runs a command as the owner of the root's files: as is for root, else with the user's ids mapped as nc_enter maps them.
nc_mapped() {
  if [[ $(id -u) == 0 ]]; then
    "$@"
  else
    unshare --user --map-root-user --map-auto -- "$@"
  fi
}

# Without root, mmdebstrap gives the root's files to the first of the user's subordinate ids. In the namespace that
# nc_enter makes, the user himself is 0 and these come after him: move each id down by one.
nc_root_shift_ids() {
  # shellcheck disable=SC2016
  nc_mapped bash -c '
    set -euo pipefail
    for kind in uid:U:chown gid:G:chgrp; do
      IFS=: read -r test format change <<<"$kind"
      for id in $(find "$1" -printf "%$format\n" | sort -nu); do
        [[ $id == 0 ]] || find "$1" "-$test" "$id" -exec "$change" --no-dereference "$((id - 1))" {} +
      done
    done' bash "$1"
}

# Installs packages into the root in place, repairing an installation that was cut short.
nc_root_install() {
  nc_in_root / /bin/bash -c '
    set -e
    export DEBIAN_FRONTEND=noninteractive
    dpkg --configure -a
    apt-get -q update
    apt-get -q -y -f --no-install-recommends install "$@"
    printf "%s\n" "$@" >>/etc/nearcache-packages' bash "$@" </dev/null
}

# Runs a command in the root from within a set-up step (nc_enter replaces the process, hence the subshell).
nc_in_root() (nc_enter "$@")

nc_root_ensure() {
  local missing mirror staging="$NC_ROOT.tmp"
  mapfile -t missing < <(nc_root_missing "$@")
  [[ ${#missing[@]} == 0 ]] && return
  if [[ ! -d "$NC_ROOT" ]]; then
    nc_root_tools
    mirror="$(nc_mirror)" || nc_die "no Debian mirror found in /etc/apt/sources.list or /etc/apt/sources.list.d"
    nc_step "clearing what an interrupted set-up left" nc_remove "$staging"
    nc_step "building a Debian $NC_SUITE root with Bazel in $NC_ROOT (two to four minutes)" \
      nc_root_bootstrap "$staging" "$mirror"
    mv -T "$staging" "$NC_ROOT"
    mapfile -t missing < <(nc_root_missing "$@")
  fi
  [[ ${#missing[@]} == 0 ]] && return
  nc_step "adding to the root: ${missing[*]}" nc_root_install "${missing[@]}"
}

# Removes a tree that may belong to mapped user ids; never crosses into a mounted file system.
nc_remove() {
  [[ ! -e "$1" ]] || nc_mapped rm -rf --one-file-system -- "$1"
}
