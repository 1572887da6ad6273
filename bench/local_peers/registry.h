// Which candidates there are. Each file that holds some registers them before main; which files are linked depends on
// which peers this machine has.

#ifndef BENCH_LOCAL_PEERS_REGISTRY_H_
#define BENCH_LOCAL_PEERS_REGISTRY_H_

#include <memory>
#include <string>
#include <vector>

#include "bench/local_peers/candidate.h"

namespace nearcache::local_peers {

struct Entrant {
  std::string name;
  std::unique_ptr<Candidate> (*make)(const Room& room) = nullptr;
  // False: it is a map that never evicts; it bounds what a table alone costs, and takes no part where not all fits.
  bool evicts = true;
  // Its operations take microseconds: few of them, and only where little is kept.
  bool slow = false;
  // False: it computes what it lacks and cannot be told a new value; it takes no part in runs with writes.
  bool sets = true;
  // False: two threads that set one key at a time end its process by an assertion of its own.
  bool sets_one_key_at_once = true;
  // No cache: the parts of a hit that are measured alone, where the set stays in the CPU's caches.
  bool parts = false;
};

// Returns true, to initialize something with.
bool Register(Entrant entrant);

// In the order of the tables: ours first.
std::vector<Entrant> Entrants();

// The names of those that this build lacks, with the Debian package that brings each.
std::vector<std::string> AbsentPeers();

inline constexpr char kTier[] = "nearcache";
inline constexpr char kCache[] = "nearcache-api";
inline constexpr char kParts[] = "hash+lock+clock";
inline constexpr char kOneMutex[] = "one-mutex";
inline constexpr char kShardedAbsl[] = "absl-64";
inline constexpr char kRocksLru[] = "rocksdb-lru";
inline constexpr char kRocksClock[] = "rocksdb-autohcc";
inline constexpr char kLevelDb[] = "leveldb";
inline constexpr char kTbbMap[] = "tbb-map";
inline constexpr char kTbbLru[] = "tbb-lru";
inline constexpr char kBoostMap[] = "boost-map";

}  // namespace nearcache::local_peers

#endif  // BENCH_LOCAL_PEERS_REGISTRY_H_
