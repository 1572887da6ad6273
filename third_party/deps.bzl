"""What nearcache needs, for a WORKSPACE. Repository names are the module names of the Bazel Central Registry.

Each archive is skipped if the caller has defined a repository of that name before, so a consumer may bring his own.
"""

load("@bazel_tools//tools/build_defs/repo:http.bzl", "http_archive")

def _archive(name, **kwargs):
    if not native.existing_rule(name):
        http_archive(name = name, **kwargs)

def nearcache_dependencies():
    """Repositories that the library itself needs."""
    _archive(
        name = "abseil-cpp",
        integrity = "sha256-9Q5awxGoE4Laf6dblzEOS5AGR0+VYKxG9UqZZ/B9SuM=",
        # Abseil names GoogleTest this way, in its test helpers only.
        repo_mapping = {"@com_google_googletest": "@googletest"},
        strip_prefix = "abseil-cpp-20240722.0",
        url = "https://github.com/abseil/abseil-cpp/releases/download/20240722.0/abseil-cpp-20240722.0.tar.gz",
    )
    _archive(
        name = "bazel_skylib",  # Abseil's BUILD files load it.
        integrity = "sha256-vCg8381SalLDIBJ5zaS8KYZS76iYsQtNsIN9xRZSdW8=",
        url = "https://github.com/bazelbuild/bazel-skylib/releases/download/1.7.1/bazel-skylib-1.7.1.tar.gz",
    )
    _archive(
        name = "hiredis",
        build_file = Label("//third_party:hiredis.BUILD"),
        sha256 = "82ad632d31ee05da13b537c124f819eb88e18851d9cb0c30ae0552084811588c",
        strip_prefix = "hiredis-1.2.0",
        url = "https://github.com/redis/hiredis/archive/refs/tags/v1.2.0.tar.gz",
    )
    _archive(
        name = "xxhash",
        build_file = Label("//third_party:xxhash.BUILD"),
        sha256 = "aae608dfe8213dfd05d909a57718ef82f30722c392344583d3f39050c7f29a80",
        strip_prefix = "xxHash-0.8.3",
        url = "https://github.com/Cyan4973/xxHash/archive/refs/tags/v0.8.3.tar.gz",
    )
    _archive(
        name = "zstd",
        build_file = Label("//third_party:zstd.BUILD"),
        integrity = "sha256-6zPlH0mhXgI5UM14Jcp0pKK0Pbg1SCWsJPwbfuCeb6M=",
        strip_prefix = "zstd-1.5.7",
        url = "https://github.com/facebook/zstd/releases/download/v1.5.7/zstd-1.5.7.tar.gz",
    )

def nearcache_dev_dependencies():
    """Repositories that only nearcache's own tests and benchmarks need."""
    _archive(
        name = "google_benchmark",
        sha256 = "32131c08ee31eeff2c8968d7e874f3cb648034377dfc32a4c377fa8796d84981",
        strip_prefix = "benchmark-1.9.1",
        url = "https://github.com/google/benchmark/archive/refs/tags/v1.9.1.tar.gz",
    )
    _archive(
        name = "googletest",
        integrity = "sha256-eMZ2/GOIFSm/l7+dRZSNkFpmgz+/pTGOos10eMuY85k=",
        strip_prefix = "googletest-1.16.0",
        url = "https://github.com/google/googletest/releases/download/v1.16.0/googletest-1.16.0.tar.gz",
    )
