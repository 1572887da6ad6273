#include "bench/tour/page.h"

#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "bench/processes/judge.h"
#include "bench/tour/effects.h"
#include "bench/tour/page_data.h"
#include "bench/tour/report.h"
#include "bench/tour/sampler.h"
#include "bench/tour/shared_memory.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace nearcache::bench::tour {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

Interval MakeInterval(uint64_t hits) {
  Interval interval;
  interval.seconds = 0.25;
  interval.counts[kLocalHits] = hits;
  interval.counts[kRemoteHits] = hits / 10;
  interval.remote_latency_p50 = 150'000;
  return interval;
}

Report MakeReport() {
  Report report;
  report.setup.worker_count = 2;
  report.setup.bound_nanos = 500'000'000;
  report.server_name = "Redis 8.0.6";
  report.seconds = 10;
  for (int i = 1; i <= 40; ++i) {
    Sample sample;
    sample.at_seconds = i * 0.25;
    sample.workers = {MakeInterval(1000), MakeInterval(2000)};
    sample.total = MakeInterval(3000);
    report.series.push_back(sample);
  }
  report.whole = report.series.back();
  report.events.push_back({5, 0, "cut <every> \"connection\"", "Meaning & purpose."});
  report.effects = MeasureEffects(report.series, report.events);
  return report;
}

TEST(PageTest, NeedsNoNetwork) {
  const std::string page = MakePage(MakeReport());
  for (const char* reference : {"http:", "https:", "//www", "@import", "src=", "href=", "url("}) {
    EXPECT_THAT(page, Not(HasSubstr(reference)));
  }
}

TEST(PageTest, EveryPlaceIsFilled) {
  const std::string page = MakePage(MakeReport());
  EXPECT_THAT(page, Not(HasSubstr("{{")));
  EXPECT_THAT(page, HasSubstr("No violation in 3.30 k checked reads"));
  EXPECT_THAT(page, HasSubstr("Redis 8.0.6"));
}

TEST(PageTest, TextsAreEscaped) {
  const std::string page = MakePage(MakeReport());
  EXPECT_THAT(page, HasSubstr("cut &lt;every&gt; &quot;connection&quot;"));
  EXPECT_THAT(page, HasSubstr("Meaning &amp; purpose."));
  EXPECT_THAT(page, HasSubstr("\"name\":\"cut \\u003cevery> \\\"connection\\\"\""));
}

TEST(PageTest, ViolationsAndProblemsAreTold) {
  Report report = MakeReport();
  report.whole.total.counts[kFirstFinding + static_cast<int>(Finding::kTooOld)] = 3;
  report.violations = {"0.5 s, worker 1: too old"};
  report.problems = {"worker 0 ended by itself"};
  const std::string page = MakePage(report);
  EXPECT_FALSE(report.Good());
  EXPECT_THAT(page, HasSubstr("3 violations in"));
  EXPECT_THAT(page, HasSubstr("<li>0.5 s, worker 1: too old</li>"));
  EXPECT_THAT(page, HasSubstr("<li>worker 0 ended by itself</li>"));
}

TEST(PageTest, WithoutAServerOnlyTheLocalTierIsShown) {
  Report report = MakeReport();
  report.server_name.clear();
  report.events.clear();
  report.effects.clear();
  const std::string page = MakePage(report);
  EXPECT_THAT(page, HasSubstr("<body class=\"alone calm\">"));
  EXPECT_THAT(page, HasSubstr("\"hasServer\":false"));
}

TEST(PageDataTest, WhatWasNotMeasuredIsNull) {
  Report report = MakeReport();
  report.series.resize(2);
  report.series[1].total.remote_latency_p50 = 0;
  EXPECT_THAT(MakePageData(report), HasSubstr("\"latency50\":[0.15,null]"));
}

TEST(WritePageTest, SaysWhereItCannotBeWritten) {
  const absl::Status status = WritePage(MakeReport(), "/nonexistent/tour.html");
  EXPECT_THAT(std::string(status.message()), HasSubstr("/nonexistent/tour.html"));
}

}  // namespace
}  // namespace nearcache::bench::tour
