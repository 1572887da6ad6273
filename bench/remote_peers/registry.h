// Which clients there are. Each file that holds some registers them before main; which files are linked depends on
// which peers this machine has.

#ifndef BENCH_REMOTE_PEERS_REGISTRY_H_
#define BENCH_REMOTE_PEERS_REGISTRY_H_

#include <memory>
#include <string>
#include <vector>

#include "bench/remote_peers/client.h"

namespace nearcache::remote_peers {

// One of the two is null.
struct Peer {
  std::string name;
  std::unique_ptr<AsyncClient> (*make_async)(const Target& target) = nullptr;
  std::unique_ptr<BlockingClient> (*make_blocking)(const Target& target, int callers) = nullptr;
};

// Returns true, to initialize something with.
bool Register(Peer peer);

// In the order of the tables: ours first.
std::vector<Peer> Peers();

// Those that this build lacks, each with what would bring it; empty: none.
std::string AbsentPeers();

inline constexpr char kEngine[] = "nearcache";
inline constexpr char kLoop[] = "hiredis-loop";
inline constexpr char kPool[] = "hiredis-pool";
inline constexpr char kPool8[] = "hiredis-pool-8";
inline constexpr char kOwn[] = "hiredis-own";
inline constexpr char kBoost[] = "boost-redis";
inline constexpr char kBoost64[] = "boost-redis-64k";

}  // namespace nearcache::remote_peers

#endif  // BENCH_REMOTE_PEERS_REGISTRY_H_
