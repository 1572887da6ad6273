#include "nearcache/internal/local/entry.h"

#include <cstring>
#include <new>

#include "nearcache/internal/local/entry_heap.h"

namespace nearcache::internal::local {
namespace {

// Says to the compiler what fits.
constexpr uint64_t kDeadlineMask = (uint64_t{1} << 56) - 1;
static_assert(Deadline::kNeverSteps <= kDeadlineMask, "any time a clock can show");

void DestroyEntry(RefCounted* block) noexcept {
  auto* const entry = static_cast<Entry*>(block);
  const size_t size = Entry::BlockSize(entry->key_size(), entry->value_size);
  entry->~Entry();
  EntryHeap::Process().Free(entry, size);
}

RefCounted::Kind EntryKind() {
  static const RefCounted::Kind kind = RefCounted::Kind::Of(DestroyEntry);
  return kind;
}

}  // namespace

Entry::Entry(const HashedKey& hashed_key, absl::string_view value, const Provenance& provenance)
    : RefCounted(EntryKind()),
      fetch_steps_low(static_cast<uint8_t>(FetchTime::StepsOf(provenance.info.fetched_at))),
      fetch_steps_middle(static_cast<uint16_t>(FetchTime::StepsOf(provenance.info.fetched_at) >> 8)),
      id(provenance.info.id),
      era(provenance.era),
      generation(provenance.generation),
      hash(static_cast<uint32_t>(hashed_key.hash)),
      value_size(static_cast<uint32_t>(value.size())),
      fetch_steps_high(static_cast<uint8_t>(FetchTime::StepsOf(provenance.info.fetched_at) >> 24)),
      deadline_steps(Deadline::StepsOf(provenance.info.expires_at) & kDeadlineMask),
      fetch_steps_highest(static_cast<uint8_t>(FetchTime::StepsOf(provenance.info.fetched_at) >> 32)),
      stored_key_size(static_cast<uint32_t>(hashed_key.key.size()) & kKeySizeMax),
      lane(provenance.lane) {
  char* const bytes = reinterpret_cast<char*>(this + 1);
  if (!hashed_key.key.empty()) std::memcpy(bytes, hashed_key.key.data(), hashed_key.key.size());
  if (!value.empty()) std::memcpy(bytes + hashed_key.key.size(), value.data(), value_size);
}

Entry* Entry::Make(const HashedKey& key, absl::string_view value, const Provenance& provenance) {
  void* const memory = EntryHeap::Process().Allocate(BlockSize(key.key.size(), value.size()));
  if (memory == nullptr) return nullptr;
  return new (memory) Entry(key, value, provenance);
}

}  // namespace nearcache::internal::local
