#include "nearcache/value.h"

#include <cstring>
#include <new>

namespace nearcache {
namespace {

using internal::RefCounted;

// The bytes follow the header in the same allocation.
void DestroyBlock(RefCounted* block) noexcept {
  block->~RefCounted();
  ::operator delete(block);
}

struct AdoptedString : RefCounted {
  explicit AdoptedString(std::string adopted) : RefCounted(OwnKind()), bytes(std::move(adopted)) {}

  static Kind OwnKind() {
    static const Kind kind = Kind::Of([](RefCounted* self) noexcept { delete static_cast<AdoptedString*>(self); });
    return kind;
  }

  const std::string bytes;
};

}  // namespace

Value Value::Copy(absl::string_view bytes) {
  if (bytes.empty()) return Value();
  char* const memory = static_cast<char*>(::operator new(sizeof(RefCounted) + bytes.size()));
  static const RefCounted::Kind kind = RefCounted::Kind::Of(DestroyBlock);
  auto* const block = new (memory) RefCounted(kind);
  char* const copy = memory + sizeof(RefCounted);
  std::memcpy(copy, bytes.data(), bytes.size());
  return Value(block, absl::string_view(copy, bytes.size()));
}

Value Value::Adopt(std::string bytes) {
  if (bytes.empty()) return Value();
  auto* const block = new AdoptedString(std::move(bytes));
  return Value(block, block->bytes);
}

}  // namespace nearcache
