#include "bench/local_peers/registry.h"

#include <utility>

#include "absl/strings/str_cat.h"

namespace nearcache::local_peers {
namespace {

struct Known {
  const char* name;
  const char* package;  // Null for those that are always there.
};

constexpr Known kKnown[] = {
    {kTier, nullptr},
    {kCache, nullptr},
    {kParts, nullptr},
    {kOneMutex, nullptr},
    {kShardedAbsl, nullptr},
    {kRocksLru, "librocksdb-dev"},
    {kRocksClock, "librocksdb-dev"},
    {kLevelDb, "libleveldb-dev"},
    {kTbbMap, "libtbb-dev"},
    {kTbbLru, "libtbb-dev"},
    {kBoostMap, "libboost-dev"},
};

std::vector<Entrant>& Registered() {
  static auto* const entrants = new std::vector<Entrant>;
  return *entrants;
}

const Entrant* Find(const std::string& name) {
  for (const Entrant& entrant : Registered()) {
    if (entrant.name == name) return &entrant;
  }
  return nullptr;
}

}  // namespace

bool Register(Entrant entrant) {
  Registered().push_back(std::move(entrant));
  return true;
}

std::vector<Entrant> Entrants() {
  std::vector<Entrant> entrants;
  for (const Known& known : kKnown) {
    if (const Entrant* const entrant = Find(known.name); entrant != nullptr) entrants.push_back(*entrant);
  }
  return entrants;
}

std::vector<std::string> AbsentPeers() {
  std::vector<std::string> absent;
  for (const Known& known : kKnown) {
    if (known.package != nullptr && Find(known.name) == nullptr)
      absent.push_back(absl::StrCat(known.name, " (", known.package, ")"));
  }
  return absent;
}

}  // namespace nearcache::local_peers
