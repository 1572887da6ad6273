# Fetches the pinned sources of the dependencies from Debian's source packages and writes the rc files that point Bazel
# at them; sourced by bazelw after common.sh.

# repository name : source package : upstream tarball's sha256 (apt checks the signatures, we check the pin)
NC_SOURCES=(
  abseil-cpp:abseil:df6d1f5ef540725f3851201176a60486aab332410788465c9877910bb471c34a
  googletest:googletest:2f54382b5d13d6cd0be2afc524f1e510d37f8ba78c2d439c5bea64ef37e30d01
  google_benchmark:benchmark:32131c08ee31eeff2c8968d7e874f3cb648034377dfc32a4c377fa8796d84981
  hiredis:hiredis:82ad632d31ee05da13b537c124f819eb88e18851d9cb0c30ae0552084811588c
  xxhash:xxhash:aae608dfe8213dfd05d909a57718ef82f30722c392344583d3f39050c7f29a80
  zstd:libzstd:0c092ef267edce57ba7f3f2645c861f72eaf5e76273c6c3632869423464b90a5
)

# Rules that the root's Bazel brings along: repository name : folder below /usr/share/bazel.
NC_RULES=(
  rules_cc:rules/cc rules_java:rules/java rules_proto:rules/proto rules_license:rules/license
  rules_python:rules/python bazel_skylib:tools/skylib platforms:tools/platforms bazel_features:tools/features
)

# Modules that a MODULE.bazel on the way names and nothing here builds: each becomes an empty module.
NC_STUBS=(re2 protobuf rules_foreign_cc buildozer libpfm apple_support zlib)

# The folder's name changes with everything it is made of, so that checkouts of different age can share the cache.
nc_deps_folder() {
  printf '%s/deps-%s' "$NC_CACHE" \
    "$(cat "$NC_HOME"/third_party/*.BUILD "$NC_HOME"/third_party/bare_machine/{common,deps}.sh | sha256sum | cut -c1-12)"
}

# Downloads into ./download, with a private apt configuration that leaves the machine's own untouched.
nc_deps_download() {
  local work="$1" mirror="$2" entry names=()
  mkdir -p "$work"/apt/{state/lists/partial,cache/archives/partial} "$work/download"
  touch "$work/apt/state/status"
  printf 'deb-src [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] %s %s main\n' \
    "$mirror" "$NC_SOURCE_SUITE" >"$work/apt/sources.list"
  cat >"$work/apt/apt.conf" <<END
Dir::Etc::SourceList "$work/apt/sources.list";
Dir::Etc::SourceParts "-";
Dir::State "$work/apt/state";
Dir::State::status "$work/apt/state/status";
Dir::Cache "$work/apt/cache";
Acquire::Check-Valid-Until "false";
Acquire::Languages "none";
APT::Sandbox::User "";
END
  for entry in "${NC_SOURCES[@]}"; do
    entry="${entry#*:}"
    names+=("${entry%%:*}/$NC_SOURCE_SUITE")
  done
  export APT_CONFIG="$work/apt/apt.conf"
  apt-get -q update
  (cd "$work/download" && apt-get -q source --download-only "${names[@]}")
}

# Unpacks each upstream tarball (Debian's own patches stay out) and lays in what Bazel needs to see.
nc_deps_unpack() {
  local work="$1" entry name package sum tarball
  for entry in "${NC_SOURCES[@]}"; do
    IFS=: read -r name package sum <<<"$entry"
    tarball="$(printf '%s\n' "$work/download/${package}_"*.orig.tar.*)"
    printf '%s  %s\n' "$sum" "$tarball" | sha256sum --check --quiet -
    mkdir -p "$work/src/$name"
    tar --extract --file "$tarball" --directory "$work/src/$name" --strip-components=1 --no-same-owner
    touch "$work/src/$name/WORKSPACE"
    if [[ -f "$NC_HOME/third_party/$name.BUILD" ]]; then
      cp "$NC_HOME/third_party/$name.BUILD" "$work/src/$name/BUILD.bazel"
      printf 'module(name = "%s")\n' "$name" >"$work/src/$name/MODULE.bazel"
      printf 'bazel_dep(name = "%s", version = "0.0.9")\n' rules_cc platforms >>"$work/src/$name/MODULE.bazel"
    fi
  done
  # Whether others' headers compile by themselves is theirs to check; here it would double the time of a first build.
  grep -rl --include=BUILD.bazel '"parse_headers",' "$work/src" | xargs sed -i '/"parse_headers",/d'
  for name in "${NC_STUBS[@]}"; do
    mkdir -p "$work/stubs/$name"
    printf 'module(name = "%s")\n' "$name" >"$work/stubs/$name/MODULE.bazel"
    touch "$work/stubs/$name/BUILD.bazel"
  done
  # Bazel refuses an override of a module that a build does not name. Its own tools always name protobuf, so that stub
  # names all the others, whatever workspace asks.
  for entry in "${NC_SOURCES[@]}" "${NC_RULES[@]}" "${NC_STUBS[@]}"; do
    [[ "$entry" == protobuf ]] || printf 'bazel_dep(name = "%s", version = "0")\n' "${entry%%:*}"
  done >>"$work/stubs/protobuf/MODULE.bazel"
  mkdir -p "$work/registry/modules"
  printf '{}\n' >"$work/registry/bazel_registry.json"
}

# Flags that hold in both modes: own folders, a shared and bounded disk cache. The first two lines stand
# in for Debian's own rc file, which root.sh empties.
nc_deps_rc_common() {
  cat <<END
startup --install_base=/usr/share/bazel
startup --trust_install_base
startup --output_user_root=$NC_CACHE/output
common --disk_cache=$NC_CACHE/disk
common --experimental_disk_cache_gc_max_size=${NEARCACHE_DISK_CACHE:-8G}
common --repository_cache=$NC_CACHE/repository
END
}

# nc_deps_rc FLAG: one FLAG=NAME=PATH line for each rule set and each dependency.
nc_deps_rc_overrides() {
  local entry
  for entry in "${NC_RULES[@]}"; do
    printf 'common %s=%s=/usr/share/bazel/%s\n' "$1" "${entry%%:*}" "${entry#*:}"
  done
  for entry in "${NC_SOURCES[@]}"; do
    printf 'common %s=%s=%s/src/%s\n' "$1" "${entry%%:*}" "$2" "${entry%%:*}"
  done
}

nc_deps_rc() {
  local work="$1" final="$2" name
  {
    nc_deps_rc_common
    printf 'common --noenable_bzlmod --enable_workspace\n'
    nc_deps_rc_overrides --override_repository "$final"
  } >"$work/workspace.rc"
  {
    nc_deps_rc_common
    printf 'common --enable_bzlmod --noenable_workspace --lockfile_mode=off\n'
    printf 'common --check_direct_dependencies=off --registry=file://%s/registry\n' "$final"
    nc_deps_rc_overrides --override_module "$final"
    for name in "${NC_STUBS[@]}"; do
      printf 'common --override_module=%s=%s/stubs/%s\n' "$name" "$final" "$name"
    done
  } >"$work/bzlmod.rc"
}

# nc_deps_ensure FOLDER: makes FOLDER (see nc_deps_folder) complete.
nc_deps_ensure() {
  local final="$1" work="$1.tmp" mirror
  [[ -d "$final" ]] && return
  rm -rf -- "$work"
  mkdir -p "$work"
  mirror="$(nc_mirror)" || nc_die "no Debian mirror found in /etc/apt/sources.list or /etc/apt/sources.list.d"
  nc_step "fetching the dependencies' sources (Debian $NC_SOURCE_SUITE)" nc_deps_download "$work" "$mirror"
  nc_step "unpacking them into $final" nc_deps_unpack "$work"
  nc_deps_rc "$work" "$final"
  rm -rf -- "$work/apt"
  mv -T "$work" "$final"
  find "$NC_CACHE" -maxdepth 1 -name 'deps-*' -mtime +30 -exec rm -rf -- {} +
}
