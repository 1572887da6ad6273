"""What //bench:local_peers and //bench:remote_peers compare with, as far as this machine has it.

They come from the machine's own packages, not from archives: nobody but a benchmark needs them, and a build must not
fetch or compile RocksDB for it. The repository holds one file, peers.bzl, that says which of them are here; the targets
that use them are in bench/local_peers and bench/remote_peers and are skipped where theirs is absent.
`./bazelw --install-peers` puts all of them into the root of a bare machine. `--repo_env=NEARCACHE_BENCH_PEERS=none`
builds as if there were none.
"""

# What must be there: the header that the benchmark includes, and the library that it links, if there is one.
_PEERS = {
    "boost": ("boost/unordered/concurrent_flat_map.hpp", None),
    # A part of Boost.Redis that came with the settings which the benchmark compares (Boost 1.90).
    "boost_redis": ("boost/redis/detail/read_buffer.hpp", None),
    "leveldb": ("leveldb/cache.h", "libleveldb"),
    "rocksdb": ("rocksdb/advanced_cache.h", "librocksdb"),
    "tbb": ("oneapi/tbb/concurrent_lru_cache.h", "libtbb"),
}

_INCLUDE_FOLDERS = ["/usr/include", "/usr/local/include"]

_LIBRARY_FOLDERS = [
    "/usr/lib",
    "/usr/lib64",
    "/usr/local/lib",
    "/usr/lib/x86_64-linux-gnu",
    "/usr/lib/aarch64-linux-gnu",
]

def _exists(repository, folders, names):
    found = False
    for folder in folders:
        for name in names:
            path = repository.path(folder + "/" + name)

            # So that installing or removing a package is noticed by the next build.
            repository.watch(path)
            found = found or path.exists
    return found

def _machine_peers_impl(repository):
    wanted = repository.getenv("NEARCACHE_BENCH_PEERS", "all")
    here = {}
    for name, (header, library) in _PEERS.items():
        here[name] = (
            wanted != "none" and
            _exists(repository, _INCLUDE_FOLDERS, [header]) and
            (library == None or _exists(repository, _LIBRARY_FOLDERS, [library + ".so", library + ".a"]))
        )
    repository.file("BUILD.bazel", "")
    repository.file("peers.bzl", "PEERS = {}\n".format(here))

_machine_peers = repository_rule(
    implementation = _machine_peers_impl,
    local = True,
    doc = "Looks for the headers and libraries of the peers.",
)

def nearcache_bench_peers():
    """Defines the repository for a WORKSPACE."""
    _machine_peers(name = "nearcache_bench_peers")

def _bench_peers_impl(_context):
    nearcache_bench_peers()

bench_peers = module_extension(
    implementation = _bench_peers_impl,
    doc = "Defines the repository for Bzlmod.",
)
