#include "bench/remote_peers/registry.h"

#include <utility>

namespace nearcache::remote_peers {
namespace {

constexpr const char* kOrder[] = {kEngine, kLoop, kOwn, kPool, kPool8, kBoost, kBoost64};

std::vector<Peer>& Registered() {
  static auto* const peers = new std::vector<Peer>;
  return *peers;
}

}  // namespace

bool Register(Peer peer) {
  Registered().push_back(std::move(peer));
  return true;
}

std::vector<Peer> Peers() {
  std::vector<Peer> peers;
  for (const char* name : kOrder) {
    for (const Peer& peer : Registered()) {
      if (peer.name == name) peers.push_back(peer);
    }
  }
  return peers;
}

std::string AbsentPeers() {
  for (const Peer& peer : Registered()) {
    if (peer.name == kBoost) return "";
  }
  return "boost-redis, boost-redis-64k (Boost.Redis of Boost 1.90 or later, Debian package libboost-dev)";
}

}  // namespace nearcache::remote_peers
