#include "nearcache/internal/base/hashed_key.h"

#include <string>

#include "gtest/gtest.h"

namespace nearcache::internal {
namespace {

TEST(HashedKeyTest, HashDependsOnKeyAndSeed) {
  EXPECT_EQ(HashBytes("user:42", 7), HashBytes("user:42", 7));
  EXPECT_NE(HashBytes("user:42", 7), HashBytes("user:42", 8));
  EXPECT_NE(HashBytes("user:42", 7), HashBytes("user:43", 7));
}

TEST(HashedKeyTest, BytesAfterANulCount) {
  EXPECT_NE(HashBytes(std::string("a\0b", 3), 1), HashBytes(std::string("a\0c", 3), 1));
  EXPECT_NE(HashBytes("", 1), HashBytes("", 2));
}

TEST(HashedKeyTest, KeepsTheKey) {
  const HashedKey hashed = HashKey("user:42", 7);
  EXPECT_EQ(hashed.key, "user:42");
  EXPECT_EQ(hashed.hash, HashBytes("user:42", 7));
}

// The published XXH3-64 of the empty input without a seed: we really compute XXH3.
TEST(HashedKeyTest, IsXxh3) { EXPECT_EQ(HashBytes("", 0), 0x2d06800538d394c2u); }

}  // namespace
}  // namespace nearcache::internal
