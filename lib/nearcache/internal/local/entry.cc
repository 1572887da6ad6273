#include "nearcache/internal/local/entry.h"

#include <cstring>
#include <new>

#include "nearcache/internal/local/allocation.h"

namespace nearcache::internal::local {
namespace {

void DestroyEntry(RefCounted* block) noexcept {
  auto* const entry = static_cast<Entry*>(block);
  entry->~Entry();
  ::operator delete(static_cast<void*>(entry));
}

}  // namespace

Entry::Entry(const HashedKey& hashed_key, absl::string_view value, const Provenance& provenance)
    : RefCounted(DestroyEntry),
      hash(static_cast<uint32_t>(hashed_key.hash)),
      key_size(static_cast<uint32_t>(hashed_key.key.size())),
      value_size(static_cast<uint32_t>(value.size())),
      era(provenance.era),
      lane(provenance.lane),
      generation(provenance.generation),
      fetched_at(provenance.info.fetched_at),
      expires_at(provenance.info.expires_at),
      id(provenance.info.id) {
  char* const bytes = reinterpret_cast<char*>(this + 1);
  if (!hashed_key.key.empty()) std::memcpy(bytes, hashed_key.key.data(), key_size);
  if (!value.empty()) std::memcpy(bytes + key_size, value.data(), value_size);
}

Entry* Entry::Make(const HashedKey& key, absl::string_view value, const Provenance& provenance) {
  void* const memory = ::operator new(BlockSize(key.key.size(), value.size()), std::nothrow);
  if (memory == nullptr) return nullptr;
  return new (memory) Entry(key, value, provenance);
}

size_t Entry::AllocatedSize() const { return AllocatedBytes(this); }

}  // namespace nearcache::internal::local
