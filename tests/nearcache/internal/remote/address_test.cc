#include "nearcache/internal/remote/address.h"

#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace nearcache::internal::remote {
namespace {

using ::testing::HasSubstr;

TEST(AddressTest, NamesItselfAsPeopleWriteIt) {
  EXPECT_EQ(Address::Tcp("redis.example", 6379).ToString(), "redis.example:6379");
  EXPECT_EQ(Address::Tcp("::1", 6379).ToString(), "[::1]:6379");
  EXPECT_EQ(Address::Unix("/run/redis.sock").ToString(), "unix:/run/redis.sock");
}

TEST(AddressTest, AcceptsWhatASocketAccepts) {
  EXPECT_TRUE(Address::Tcp("localhost", 1).Validate().ok());
  EXPECT_TRUE(Address::Unix(std::string(Address::kUnixPathBytesMax, 'a')).Validate().ok());
}

TEST(AddressTest, RefusesMissingAndOverlongParts) {
  EXPECT_THAT(Address::Tcp("", 6379).Validate().message(), HasSubstr("host is empty"));
  EXPECT_THAT(Address::Tcp("h", 0).Validate().message(), HasSubstr("port is 0"));
  EXPECT_THAT(Address::Tcp(std::string(254, 'h'), 1).Validate().message(), HasSubstr("253"));
  EXPECT_THAT(Address::Tcp(std::string("a\0b", 3), 1).Validate().message(), HasSubstr("zero"));
  EXPECT_THAT(Address::Unix("").Validate().message(), HasSubstr("path is empty"));
  EXPECT_THAT(Address::Unix(std::string(108, 'a')).Validate().message(), HasSubstr("107"));
  EXPECT_THAT(Address::Unix(std::string("a\0b", 3)).Validate().message(), HasSubstr("zero"));
}

}  // namespace
}  // namespace nearcache::internal::remote
