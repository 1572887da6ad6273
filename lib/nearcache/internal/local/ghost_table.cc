#include "nearcache/internal/local/ghost_table.h"

#include <algorithm>
#include <new>
#include <utility>

#include "nearcache/internal/local/allocation.h"

namespace nearcache::internal::local {
namespace {

// A ghost: fingerprint in bits 0 to 15, time in bits 16 to 29, kind in the two above. Never zero: kinds begin at one.
constexpr int kTimeShift = 16;
constexpr int kKindShift = 30;

// Ghosts of the main queue are of interest for a tenth of the time only (scan_resistant_policy.cc).
constexpr uint32_t kMainStaleness = 8;

}  // namespace

GhostTable::Memory GhostTable::Memory::Allocate(size_t count) {
  Memory memory;
  memory.sets.reset(new (std::nothrow) Set[count]);
  memory.count = memory.sets != nullptr ? count : 0;
  return memory;
}

size_t GhostTable::Memory::AllocatedSize() const { return sets != nullptr ? AllocatedBytes(sets.get()) : 0; }

void GhostTable::Adopt(Memory* memory) { std::swap(memory_, *memory); }

// Time is told in ticks of a power of two of bytes; another tick makes the times of all ghosts void.
void GhostTable::FollowWindow(uint64_t window) {
  const uint64_t ticks = window >> tick_shift_;
  if (kTicksPerWindowMin <= ticks && ticks < kTicksPerWindowMax) return;
  int shift = 0;
  while ((window >> shift) >= 2 * kTicksPerWindow) ++shift;
  if (shift == tick_shift_) return;
  tick_shift_ = shift;
  std::fill_n(memory_.sets.get(), memory_.count, Set());
}

// Without branches, because it is asked for each of a set. A free place is staler than any ghost.
uint32_t GhostTable::Staleness(uint32_t ghost, uint32_t now_small, uint32_t now_main) {
  const bool from_main = KindOf(ghost) == Kind::kFromMain;
  const uint32_t ticks = ((from_main ? now_main : now_small) - (ghost >> kTimeShift)) & kTimeMask;
  const uint32_t staleness = from_main ? ticks * kMainStaleness : ticks;
  return ghost == 0 ? ~uint32_t{0} : staleness;
}

void GhostTable::Add(uint32_t hash, Kind kind, size_t bytes, uint64_t window) {
  if (memory_.count == 0) return;
  FollowWindow(window);
  if (kind == Kind::kFromSmall) bytes_from_small_ += bytes;
  if (kind == Kind::kFromMain) bytes_from_main_ += bytes;
  Set& set = SetOf(hash);
  const uint32_t now_small = Now(Kind::kFromSmall);
  const uint32_t now_main = Now(Kind::kFromMain);
  size_t place = 0;
  uint32_t stalest = 0;
  for (size_t way = 0; way < kWays; ++way) {
    const uint32_t staleness = Staleness(set.ghosts[way], now_small, now_main);
    place = staleness >= stalest ? way : place;
    stalest = std::max(stalest, staleness);
  }
  const uint32_t key = (Now(kind) << kTimeShift) | Fingerprint(hash);
  set.ghosts[place] = (static_cast<uint32_t>(kind) << kKindShift) | key;
}

absl::optional<GhostTable::Ghost> GhostTable::Take(uint32_t hash) {
  if (memory_.count == 0) return absl::nullopt;
  for (uint32_t& ghost : SetOf(hash).ghosts) {
    if (Fingerprint(ghost ^ hash) != 0 || ghost == 0) continue;
    const Ghost taken{KindOf(ghost), uint64_t{TicksSince(ghost)} << tick_shift_};
    ghost = 0;
    return taken;
  }
  return absl::nullopt;
}

}  // namespace nearcache::internal::local
