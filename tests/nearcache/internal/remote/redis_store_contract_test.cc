// The store contract over RedisStore, on a real redis-server and a real valkey-server.

#include <memory>
#include <string>
#include <utility>

#include "absl/strings/numbers.h"
#include "gtest/gtest.h"
#include "tests/nearcache/internal/remote/redis_harness.h"
#include "tests/nearcache/internal/remote/store_contract.h"

namespace nearcache::internal::remote {
namespace {

using Product = testing::RedisServerOptions::Product;

ContractParameter Parameter(std::string name, Product product) {
  return {std::move(name), [product]() -> std::unique_ptr<StoreHarness> { return RedisHarness::Start(product); }};
}

INSTANTIATE_TEST_SUITE_P(Real, StoreContract,
                         ::testing::Values(Parameter("redis", Product::kRedis), Parameter("valkey", Product::kValkey)),
                         ContractName);

}  // namespace
}  // namespace nearcache::internal::remote
