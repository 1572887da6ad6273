#include "nearcache/internal/remote/command.h"

#include <cstdint>
#include <limits>
#include <string>

#include "gtest/gtest.h"

namespace nearcache::internal::remote {
namespace {

TEST(CommandTest, EncodesArgumentsAsBulkStrings) {
  EXPECT_EQ(EncodeCommand({"GET", "key"}), "*2\r\n$3\r\nGET\r\n$3\r\nkey\r\n");
  EXPECT_EQ(EncodeCommand({"SET", "k", ""}), "*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$0\r\n\r\n");
}

TEST(CommandTest, LeavesBytesAsTheyAre) {
  const std::string nasty("\r\n$5\0\xff", 6);
  EXPECT_EQ(EncodeCommand({"ECHO", nasty}), "*2\r\n$4\r\nECHO\r\n$6\r\n" + nasty + "\r\n");
}

TEST(CommandTest, AppendsOneCommandBehindAnother) {
  std::string pipeline = EncodeCommand({"MULTI"});
  AppendCommand(&pipeline, {"EXEC"});
  EXPECT_EQ(pipeline, "*1\r\n$5\r\nMULTI\r\n*1\r\n$4\r\nEXEC\r\n");
}

TEST(CommandTest, WritesNumbersInDecimal) {
  std::string out;
  CommandWriter(&out).Begin(3).Argument("INCRBY").Argument(int64_t{0}).Argument(std::numeric_limits<int64_t>::min());
  EXPECT_EQ(out, "*3\r\n$6\r\nINCRBY\r\n$1\r\n0\r\n$20\r\n-9223372036854775808\r\n");
}

TEST(CommandTest, NamesTheFirstCommandAndNothingThatCouldBeAKey) {
  EXPECT_EQ(CommandName(EncodeCommand({"GET", "key"}) + EncodeCommand({"PTTL", "key"})), "GET");
  for (const char* encoded : {"", "*1\r\n", "*1\r\n$3", "GET key\r\n", "*1\r\n$5\r\na:b:c\r\n", "*1\r\n$0\r\n\r\n"}) {
    EXPECT_EQ(CommandName(encoded), "") << encoded;
  }
  EXPECT_EQ(CommandName(EncodeCommand({std::string(33, 'A')})), "");
}

}  // namespace
}  // namespace nearcache::internal::remote
