// The bytes of one cached value: immutable, reference-counted, cheap to pass around.
//
// A Value stays valid for as long as somebody holds it: after its entry was evicted, replaced or
// invalidated, and after the Cache itself is gone. It may be copied, moved, read and destroyed on
// any thread; one Value object must not be assigned to while another thread uses that same object.
//
// Cost: view() is free. Copying and destroying is one atomic add each, on a line that all holders
// of this value share: on one very hot key, read by many threads, prefer Cache::Read or the copying
// Cache::Get, which write nothing shared. Holding a Value keeps the whole block alive that it lies
// in (header, key and value of its entry), outside the local tier's byte budget; do not keep
// thousands of them for long.

#ifndef NEARCACHE_VALUE_H_
#define NEARCACHE_VALUE_H_

#include <cstddef>
#include <ostream>
#include <string>
#include <utility>

#include "absl/strings/string_view.h"
#include "nearcache/internal/base/ref_counted.h"

namespace nearcache {

class Value {
 public:
  // No bytes.
  Value() = default;

  // Copies `bytes` into a block of their own: one allocation.
  static Value Copy(absl::string_view bytes);

  // Takes over `bytes` without copying them: one small allocation.
  static Value Adopt(std::string bytes);

  // For the library: bytes inside a counted block. Takes over one reference to `owner`, which may
  // be null for bytes that live for ever.
  static Value FromBlock(const internal::RefCounted* owner, absl::string_view bytes) { return Value(owner, bytes); }

  Value(const Value& other) : owner_(other.owner_), bytes_(other.bytes_) {
    if (owner_ != nullptr) owner_->Ref();
  }
  Value(Value&& other) noexcept
      : owner_(std::exchange(other.owner_, nullptr)), bytes_(std::exchange(other.bytes_, absl::string_view())) {}
  Value& operator=(Value other) noexcept {
    std::swap(owner_, other.owner_);
    std::swap(bytes_, other.bytes_);
    return *this;
  }
  ~Value() {
    if (owner_ != nullptr) owner_->Unref();
  }

  // The bytes; valid while any Value of this block lives.
  absl::string_view view() const { return bytes_; }
  size_t size() const { return bytes_.size(); }
  bool empty() const { return bytes_.empty(); }
  std::string ToString() const { return std::string(bytes_); }

  // A part of these bytes that shares their block, without copying: one reference more.
  //
  // REQUIRES: offset <= size() and length <= size() - offset
  Value Slice(size_t offset, size_t length) const {
    if (owner_ != nullptr) owner_->Ref();
    return Value(owner_, absl::string_view(bytes_.data() + offset, length));
  }

  friend bool operator==(const Value& a, const Value& b) { return a.bytes_ == b.bytes_; }
  friend bool operator!=(const Value& a, const Value& b) { return !(a == b); }

  // Prints the size, never the bytes: values may be secrets, and test logs travel.
  friend std::ostream& operator<<(std::ostream& out, const Value& value) {
    return out << "Value of " << value.size() << " bytes";
  }

 private:
  Value(const internal::RefCounted* owner, absl::string_view bytes) : owner_(owner), bytes_(bytes) {}

  const internal::RefCounted* owner_ = nullptr;
  absl::string_view bytes_;
};

}  // namespace nearcache

#endif  // NEARCACHE_VALUE_H_
