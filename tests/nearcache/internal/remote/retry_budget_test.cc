#include "nearcache/internal/remote/retry_budget.h"

#include "gtest/gtest.h"

namespace nearcache::internal::remote {
namespace {

int SpendAll(RetryBudget* budget) {
  int spent = 0;
  while (budget->Spend()) ++spent;
  return spent;
}

TEST(RetryBudgetTest, BeginsFullAndIsSpent) {
  RetryBudget budget(0.1, 3);
  EXPECT_EQ(budget.level(), 3u);
  EXPECT_EQ(SpendAll(&budget), 3);
  EXPECT_EQ(budget.level(), 0u);
  EXPECT_FALSE(budget.Spend());
}

TEST(RetryBudgetTest, EachSuccessAddsItsShareUpToTheMaximum) {
  RetryBudget budget(0.1, 3);
  SpendAll(&budget);
  for (int i = 0; i < 9; ++i) budget.OnSuccess();
  EXPECT_FALSE(budget.Spend());
  budget.OnSuccess();
  EXPECT_EQ(SpendAll(&budget), 1);
  for (int i = 0; i < 1000; ++i) budget.OnSuccess();
  EXPECT_EQ(SpendAll(&budget), 3);
}

TEST(RetryBudgetTest, AStormOfFailuresIsRepeatedNoMoreThanTheShareSays) {
  RetryBudget budget(0.25, 10);
  int retries = 0;
  for (int i = 0; i < 4000; ++i) {
    if (i % 2 == 0) budget.OnSuccess();
    retries += budget.Spend() ? 1 : 0;
  }
  EXPECT_LE(retries, 10 + 2000 / 4);
  EXPECT_GE(retries, 2000 / 4);
}

TEST(RetryBudgetTest, WithoutAShareOrAMaximumNothingIsRetried) {
  RetryBudget no_share(0, 1000);
  RetryBudget no_maximum(1, 0);
  for (RetryBudget* budget : {&no_share, &no_maximum}) {
    budget->OnSuccess();
    EXPECT_FALSE(budget->Spend());
    EXPECT_EQ(budget->level(), 0u);
  }
}

}  // namespace
}  // namespace nearcache::internal::remote
