// The contract without any server: the local tier alone, and over the fake.

#include "gtest/gtest.h"
#include "tests/nearcache/cache_contract.h"

namespace nearcache::testing {

INSTANTIATE_TEST_SUITE_P(WithoutServer, CacheContract,
                         ::testing::Values(BackendKind{"LocalOnly", StartLocalBackend},
                                           BackendKind{"Fake", StartFakeBackend}),
                         BackendName);

}  // namespace nearcache::testing
