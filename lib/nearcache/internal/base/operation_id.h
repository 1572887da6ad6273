// The identity of one write or invalidation, unique among all processes for all time.
//
// `nonce` is 64 random bits drawn when a Cache is opened (from the kernel, never zero), `counter` counts that cache's
// operations from 1. The coherence protocol only ever asks whether two ids are equal: order is decided by the one
// primary that executes the operations, so no clock and no agreement between processes is needed.
//
// On the wire an id is 16 bytes: nonce, then counter, both little-endian.

#ifndef NEARCACHE_INTERNAL_BASE_OPERATION_ID_H_
#define NEARCACHE_INTERNAL_BASE_OPERATION_ID_H_

#include <atomic>
#include <cstdint>
#include <ostream>
#include <string>
#include <utility>

#include "absl/strings/string_view.h"
#include "absl/types/optional.h"

namespace nearcache::internal {

struct OperationId {
  static constexpr size_t kWireSize = 16;

  uint64_t nonce = 0;
  uint64_t counter = 0;

  // The default id belongs to nobody: "unknown" (a value written by a stranger) or "none yet".
  constexpr bool empty() const { return nonce == 0 && counter == 0; }

  std::string ToBytes() const;

  // Nullopt unless `bytes` has exactly kWireSize bytes.
  static absl::optional<OperationId> FromBytes(absl::string_view bytes);

  // 32 hexadecimal digits, for messages to people.
  std::string ToString() const;

  friend bool operator==(const OperationId& a, const OperationId& b) {
    return a.nonce == b.nonce && a.counter == b.counter;
  }
  friend bool operator!=(const OperationId& a, const OperationId& b) { return !(a == b); }
  template <typename H>
  friend H AbslHashValue(H h, const OperationId& id) {
    return H::combine(std::move(h), id.nonce, id.counter);
  }
  friend std::ostream& operator<<(std::ostream& out, const OperationId& id) { return out << id.ToString(); }
};

// 64 bits that stand for an id where only equality is asked and space is dear. Equal ids have equal tags; two different
// ones have the same with a chance of 2^-64, which is what the random nonces of two processes have, too.
class OperationTag {
 public:
  constexpr OperationTag() = default;

  // Implicit: a tag is an id of which less is known. The empty id has the empty tag, and it alone.
  constexpr OperationTag(const OperationId& id) : value_(id.empty() ? 0 : NotZero(Mix(id.nonce) + id.counter)) {}

  constexpr OperationTag(uint64_t nonce, uint64_t counter) : OperationTag(OperationId{nonce, counter}) {}

  bool empty() const { return value_ == 0; }

  // 16 hexadecimal digits, for messages to people.
  std::string ToString() const;

  friend bool operator==(OperationTag a, OperationTag b) { return a.value_ == b.value_; }
  friend bool operator!=(OperationTag a, OperationTag b) { return a.value_ != b.value_; }
  template <typename H>
  friend H AbslHashValue(H h, OperationTag tag) {
    return H::combine(std::move(h), tag.value_);
  }
  friend std::ostream& operator<<(std::ostream& out, OperationTag tag) { return out << tag.ToString(); }

 private:
  static constexpr uint64_t NotZero(uint64_t value) { return value != 0 ? value : 1; }

  // A bijection (the end of MurmurHash3), so that the tags of two nonces begin at unrelated points of the circle, on
  // which each operation is one step.
  static constexpr uint64_t Mix(uint64_t value) {
    value = (value ^ (value >> 33)) * 0xFF51AFD7ED558CCD;
    value = (value ^ (value >> 33)) * 0xC4CEB9FE1A85EC53;
    return value ^ (value >> 33);
  }

  uint64_t value_ = 0;
};

// Gives out ids. Thread-safe; one relaxed fetch_add each.
class OperationIdSource {
 public:
  // REQUIRES: nonce != 0. RandomNonce() makes one; tests pass their own.
  explicit OperationIdSource(uint64_t nonce) : nonce_(nonce) {}

  OperationId Next() { return {nonce_, counter_.fetch_add(1, std::memory_order_relaxed) + 1}; }
  uint64_t nonce() const { return nonce_; }

  // 64 random bits from the kernel, never 0.
  static uint64_t RandomNonce();

 private:
  const uint64_t nonce_;
  std::atomic<uint64_t> counter_{0};
};

}  // namespace nearcache::internal

#endif  // NEARCACHE_INTERNAL_BASE_OPERATION_ID_H_
