#include "nearcache/internal/local/equal_bytes.h"

#include <memory>
#include <string>

#include "absl/strings/string_view.h"
#include "gtest/gtest.h"

namespace nearcache::internal::local {
namespace {

constexpr size_t kSizeMax = 200;

// In a block of exactly that size, so that AddressSanitizer sees a look beyond its ends.
class Bytes {
 public:
  explicit Bytes(absl::string_view bytes) : block_(new char[bytes.size()]), size_(bytes.size()) {
    bytes.copy(block_.get(), size_);
  }
  absl::string_view view() const { return {block_.get(), size_}; }

 private:
  const std::unique_ptr<char[]> block_;
  const size_t size_;
};

std::string Text(size_t size) {
  std::string text;
  for (size_t i = 0; i < size; ++i) text.push_back(static_cast<char>(i * 37 + 11));
  return text;
}

TEST(EqualBytesTest, TheSameBytesAreEqualWhateverTheirNumber) {
  for (size_t size = 0; size <= kSizeMax; ++size) {
    EXPECT_TRUE(EqualBytes(Bytes(Text(size)).view(), Bytes(Text(size)).view())) << size;
  }
  EXPECT_TRUE(EqualBytes(absl::string_view(), absl::string_view("")));
}

TEST(EqualBytesTest, OneBitAnywhereMakesADifference) {
  for (size_t size = 1; size <= kSizeMax; ++size) {
    const Bytes bytes(Text(size));
    for (size_t position = 0; position < size; ++position) {
      for (const int bit : {1, 128}) {
        std::string other = Text(size);
        other[position] = static_cast<char>(other[position] ^ bit);
        EXPECT_FALSE(EqualBytes(bytes.view(), Bytes(other).view())) << position << " of " << size;
      }
    }
  }
}

TEST(EqualBytesTest, ABeginningIsNotTheWhole) {
  for (size_t size = 1; size <= kSizeMax; ++size) {
    const Bytes bytes(Text(size));
    EXPECT_FALSE(EqualBytes(bytes.view(), bytes.view().substr(0, size - 1))) << size;
    EXPECT_FALSE(EqualBytes(bytes.view().substr(0, size - 1), bytes.view())) << size;
  }
}

}  // namespace
}  // namespace nearcache::internal::local
