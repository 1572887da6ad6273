#include "nearcache/internal/remote/tracking.h"

#include "absl/strings/string_view.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace nearcache::internal::remote {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using Code = absl::StatusCode;

absl::Status Refusal(absl::string_view error, ServerIdentity::Product product = ServerIdentity::Product::kRedis) {
  Reply reply;
  reply.type = Reply::Type::kError;
  reply.string = Value::Copy(error);
  ServerIdentity server;
  server.version = "5.0.14";
  server.product = product;
  return TrackingRefusal(reply, server);
}

TEST(TrackingTest, AsksForEveryKeyOfThePrefix) {
  EXPECT_EQ(TrackingCommand("p:1:", 0),
            "*6\r\n$6\r\nCLIENT\r\n$8\r\nTRACKING\r\n$2\r\nON\r\n$5\r\nBCAST\r\n$6\r\nPREFIX\r\n$4\r\np:1:\r\n");
  EXPECT_THAT(TrackingCommand("p:1:", 17), HasSubstr("$8\r\nREDIRECT\r\n$2\r\n17\r\n$5\r\nBCAST\r\n"));
}

TEST(TrackingTest, AnOldServerIsNamedWithWhatItLacks) {
  // Redis 5, and what proxies say.
  for (const absl::string_view text :
       {"ERR Unknown subcommand or wrong number of arguments for 'TRACKING'. Try CLIENT HELP.",
        "ERR unknown command `CLIENT`, with args beginning with: `TRACKING`", "ERR syntax error",
        "ERR unsupported command 'client'"}) {
    const absl::Status status = Refusal(text);
    EXPECT_EQ(status.code(), Code::kUnimplemented) << text;
    EXPECT_THAT(std::string(status.message()),
                AllOf(HasSubstr("coherence.foreign_writers"), HasSubstr("Redis 6"), HasSubstr("Redis 5.0.14")));
    EXPECT_TRUE(IsPermanentRefusal(status));
  }
  EXPECT_THAT(std::string(Refusal("ERR syntax error", ServerIdentity::Product::kValkey).message()),
              HasSubstr("Valkey 5.0.14"));
}

TEST(TrackingTest, AMissingRightIsNamed) {
  const absl::Status status =
      Refusal("NOPERM this user has no permissions to run the 'client|tracking' command or its subcommand");
  EXPECT_EQ(status.code(), Code::kPermissionDenied);
  EXPECT_THAT(std::string(status.message()), AllOf(HasSubstr("coherence.foreign_writers"),
                                                   HasSubstr("+client|tracking"), HasSubstr("__redis__:invalidate")));
  EXPECT_TRUE(IsPermanentRefusal(status));
}

TEST(TrackingTest, WhatMayPassIsTriedAgainSoon) {
  const absl::Status status = Refusal("LOADING Redis is loading the dataset in memory");
  EXPECT_EQ(status.code(), Code::kUnavailable);
  EXPECT_FALSE(IsPermanentRefusal(status));
}

// A proxy that answers whatever it likes.
TEST(TrackingTest, AnAnswerOfAnotherKindIsARefusal) {
  Reply nil;
  EXPECT_EQ(TrackingRefusal(nil, ServerIdentity()).code(), Code::kUnimplemented);
}

}  // namespace
}  // namespace nearcache::internal::remote
