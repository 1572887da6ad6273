// The contract without any server: the local tier alone, and over the fake.

#include "tests/nearcache/cache_contract.h"

#include "gtest/gtest.h"

namespace nearcache::testing {

INSTANTIATE_TEST_SUITE_P(WithoutServer, CacheContract,
                         ::testing::Values(BackendKind{"LocalOnly", StartLocalBackend},
                                           BackendKind{"Fake", StartFakeBackend}),
                         BackendName);

}  // namespace nearcache::testing
