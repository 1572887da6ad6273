// What readers tell of an entry, and in which queue the policy keeps it: sixteen bits of the entry's header.
//
//   bits 0 and 1   hits since the policy last looked, up to the number that it can use
//   bit 2          the entry is in the policy's main queue
//   bits 3 to 15   when it was last read, modulo 2^13; only where there is an idle time-out (idle_rule.h)
//
// A hit writes only if it has something to say: the count is not at its limit, or the stamp is another one. Then it is
// one attempt to exchange the word: who loses against another reader has nothing to add.
//
// Thread-safe. Relaxed: nothing is published by it.

#ifndef NEARCACHE_INTERNAL_LOCAL_ENTRY_USE_H_
#define NEARCACHE_INTERNAL_LOCAL_ENTRY_USE_H_

#include <atomic>
#include <cstdint>

namespace nearcache::internal::local {

class EntryUse {
 public:
  static constexpr int kStampBits = 13;
  static constexpr uint32_t kStampMask = (1u << kStampBits) - 1;

  EntryUse() = default;
  explicit EntryUse(uint32_t stamp) : word_(WithStamp(0, stamp)) {}

  // A reader was here.
  void NoteHit(uint32_t hits_max) {
    uint16_t word = Load();
    if ((word & kHitsMask) < hits_max) Exchange(word, static_cast<uint16_t>(word + 1));
  }

  // The same with an idle time-out, at `stamp`.
  void NoteHitAt(uint32_t hits_max, uint32_t stamp) {
    const uint16_t word = Load();
    uint16_t changed = WithStamp(word, stamp);
    if ((changed & kHitsMask) < hits_max) ++changed;
    if (changed != word) Exchange(word, changed);
  }

  uint32_t hits() const { return Load() & kHitsMask; }
  bool in_main() const { return (Load() & kMainBit) != 0; }
  uint32_t stamp() const { return Load() >> kStampShift; }

  // --- For the policy, under the mutex of the stripe. A hit at the same moment may get lost.

  void SetHits(uint32_t hits) { Set(kHitsMask, static_cast<uint16_t>(hits)); }
  void set_in_main(bool in_main) { Set(kMainBit, in_main ? kMainBit : uint16_t{0}); }

 private:
  static constexpr uint16_t kHitsMask = 3;
  static constexpr uint16_t kMainBit = 4;
  static constexpr int kStampShift = 3;

  static uint16_t WithStamp(uint16_t word, uint32_t stamp) {
    return static_cast<uint16_t>((word & (kHitsMask | kMainBit)) | ((stamp & kStampMask) << kStampShift));
  }

  uint16_t Load() const { return word_.load(std::memory_order_relaxed); }

  bool Exchange(uint16_t expected, uint16_t word) {
    return word_.compare_exchange_strong(expected, word, std::memory_order_relaxed);
  }

  void Set(uint16_t mask, uint16_t bits) {
    uint16_t word = Load();
    while (
        !word_.compare_exchange_weak(word, static_cast<uint16_t>((word & ~mask) | bits), std::memory_order_relaxed)) {
    }
  }

  std::atomic<uint16_t> word_{0};
};

static_assert(sizeof(EntryUse) == 2, "part of the header that is paid once per entry");

}  // namespace nearcache::internal::local

#endif  // NEARCACHE_INTERNAL_LOCAL_ENTRY_USE_H_
