#include "nearcache/internal/base/little_endian.h"

#include <cstdint>
#include <limits>

#include "gtest/gtest.h"

namespace nearcache::internal {
namespace {

TEST(LittleEndianTest, LeastSignificantByteComesFirst) {
  char bytes[8] = {};
  StoreLittleEndian32(bytes, 0x01020304u);
  EXPECT_EQ(bytes[0], 4);
  EXPECT_EQ(bytes[3], 1);
  EXPECT_EQ(bytes[4], 0);
  StoreLittleEndian64(bytes, 0x0102030405060708u);
  EXPECT_EQ(bytes[0], 8);
  EXPECT_EQ(bytes[7], 1);
}

TEST(LittleEndianTest, RoundTripsAtAnyAlignment) {
  char bytes[16] = {};
  for (int offset = 0; offset < 8; ++offset) {
    for (const uint64_t value :
         {uint64_t{0}, uint64_t{0x80}, uint64_t{0xfedcba9876543210}, std::numeric_limits<uint64_t>::max()}) {
      StoreLittleEndian64(bytes + offset, value);
      EXPECT_EQ(LoadLittleEndian64(bytes + offset), value);
      StoreLittleEndian32(bytes + offset, static_cast<uint32_t>(value));
      EXPECT_EQ(LoadLittleEndian32(bytes + offset), static_cast<uint32_t>(value));
    }
  }
}

}  // namespace
}  // namespace nearcache::internal
