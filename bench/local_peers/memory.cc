#include "bench/local_peers/memory.h"

#include <algorithm>
#include <memory>

#include "absl/status/statusor.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "bench/local_peers/candidate.h"
#include "bench/support/corpus.h"
#include "bench/support/forked.h"
#include "bench/support/request_stream.h"
#include "bench/support/text_table.h"
#include "bench/support/threads.h"

namespace nearcache::local_peers {
namespace {

// Of the comparison with equal bytes: room for about 100 000 entries.
constexpr double kEqualBytesPerKey = 65.0;

double Grown(size_t base) {
  const size_t now = bench::ResidentBytes();
  return now > base ? static_cast<double>(now - base) : 0;
}

// Runs `measure` in a child; what it returns comes back in order. Empty if the child failed.
std::vector<double> InChild(absl::FunctionRef<std::vector<double>()> measure,
                            absl::FunctionRef<void(const std::string&)> tell) {
  const absl::StatusOr<std::string> text = bench::RunForked([&] { return absl::StrJoin(measure(), " "); });
  std::vector<double> numbers;
  if (!text.ok()) {
    tell(text.status().ToString());
    return numbers;
  }
  for (const absl::string_view word : absl::StrSplit(*text, ' ', absl::SkipEmpty())) {
    double number = 0;
    if (absl::SimpleAtod(word, &number)) numbers.push_back(number);
  }
  return numbers;
}

// Growth and accounted bytes after few and after many keys.
std::vector<double> Fill(const Entrant& entrant, const bench::Corpus& corpus, const MemoryOptions& options) {
  const size_t base = bench::ResidentBytes();
  const std::unique_ptr<Candidate> candidate = entrant.make(Room{&corpus, options.many_keys, 0, 0});
  candidate->Fill(0, options.few_keys);
  std::vector<double> figures = {Grown(base), static_cast<double>(candidate->AccountedBytes())};
  candidate->Fill(options.few_keys, options.many_keys - options.few_keys);
  figures.push_back(Grown(base));
  figures.push_back(static_cast<double>(candidate->AccountedBytes()));
  return figures;
}

// Growth and entries after the churn.
std::vector<double> Churn(const Entrant& entrant, const bench::Corpus& corpus, const MemoryOptions& options,
                          size_t bytes) {
  constexpr int kThreads = 2;
  std::vector<std::unique_ptr<bench::RequestStream>> streams;
  for (uint64_t i = 0; i < kThreads; ++i) {
    streams.push_back(std::make_unique<bench::RequestStream>(corpus, options.many_keys, 0.99, options.many_keys,
                                                             options.seed * 10 + i));
  }
  const size_t base = bench::ResidentBytes();
  const std::unique_ptr<Candidate> candidate = entrant.make(Room{&corpus, options.many_keys, options.few_keys, bytes});
  candidate->Fill(0, options.few_keys);
  bench::RunTogether(kThreads, [&](int thread) {
    bench::RequestStream::Cursor cursor(*streams[static_cast<size_t>(thread)]);
    Task task;
    task.set_on_miss = true;
    task.writes_per_mille = 50;
    candidate->Run(task, &cursor, static_cast<uint32_t>(options.churn_operations / kThreads));
  });
  return {Grown(base), static_cast<double>(candidate->Entries())};
}

// The share of hits where each candidate has the same number of bytes of the process. `bytes` is how many of
// them the candidate may count, by its own way of counting.
std::vector<double> HitsOfEqualBytes(const Entrant& entrant, const bench::Corpus& corpus, const MemoryOptions& options,
                                     size_t bytes) {
  const uint32_t measured = 3 * options.many_keys;
  const bench::RequestStream stream(corpus, options.many_keys, 0.99, size_t{options.many_keys} + measured,
                                    options.seed * 10 + 7);
  const std::unique_ptr<Candidate> candidate = entrant.make(Room{&corpus, options.many_keys, 0, bytes});
  bench::RequestStream::Cursor cursor(stream);
  Task task;
  task.set_on_miss = true;
  candidate->Run(task, &cursor, options.many_keys);
  const SliceCounts counts = candidate->Run(task, &cursor, measured);
  return {static_cast<double>(counts.hits) / static_cast<double>(std::max<uint64_t>(counts.reads, 1))};
}

MemoryFigures MeasureOne(const Entrant& entrant, const MemoryOptions& options,
                         absl::FunctionRef<void(const std::string&)> tell) {
  const bench::Corpus corpus((bench::Shape()));
  const double payload = corpus.MeanPayload();
  const double few = options.few_keys;
  MemoryFigures figures;
  const std::vector<double> fill = InChild([&] { return Fill(entrant, corpus, options); }, tell);
  if (fill.size() != 4) return figures;
  figures.few_overhead = fill[0] / few - payload;
  figures.few_accounted_share = fill[1] / fill[0];
  figures.many_overhead = fill[2] / options.many_keys - payload;
  figures.many_accounted_share = fill[3] / fill[2];
  if (!entrant.evicts) return figures;
  // Ours counts everything that it allocates; the others are told the payload.
  const bool ours = entrant.name == kTier || entrant.name == kCache;
  const std::vector<double> churn =
      InChild([&] { return Churn(entrant, corpus, options, ours ? static_cast<size_t>(fill[1]) : 0); }, tell);
  if (churn.size() == 2) figures.churn_overhead = churn[0] / (churn[1] > 0 ? churn[1] : few) - payload;
  const double equal_bytes = kEqualBytesPerKey * options.many_keys;
  const double share = ours ? 1 : payload / (fill[0] / few);
  const std::vector<double> hits = InChild(
      [&] { return HitsOfEqualBytes(entrant, corpus, options, static_cast<size_t>(equal_bytes * share)); }, tell);
  if (hits.size() == 1) figures.equal_bytes_hit_ratio = hits[0];
  return figures;
}

// "-" for what is not known.
std::string Text(double value, int digits) { return value == 0 ? "-" : absl::StrFormat("%.*f", digits, value); }

bench::Verdict MakeVerdict(const char* id, const char* against, const char* what, const bench::Range& limit,
                           const bench::Range& floor, double value) {
  bench::Verdict verdict;
  verdict.goal = {id, against, what, limit, floor};
  verdict.value = value;
  return verdict;
}

}  // namespace

MemoryResults MeasureMemory(const std::vector<Entrant>& entrants, const MemoryOptions& options,
                            absl::FunctionRef<void(const std::string&)> tell) {
  MemoryResults results;
  for (const Entrant& entrant : entrants) {
    if (entrant.parts || entrant.slow) continue;
    tell(absl::StrCat("memory: ", entrant.name));
    results[entrant.name] = MeasureOne(entrant, options, tell);
  }
  return results;
}

std::string MemoryTable(const std::vector<Entrant>& entrants, const MemoryResults& results) {
  bench::TextTable table({"bytes of the process over key and value", "few keys", "many keys", "after churn",
                          "accounted, few", "many", "hits of equal bytes"});
  for (const Entrant& entrant : entrants) {
    const auto found = results.find(entrant.name);
    if (found == results.end()) continue;
    const MemoryFigures& figures = found->second;
    table.AddRow({entrant.name, Text(figures.few_overhead, 0), Text(figures.many_overhead, 0),
                  Text(figures.churn_overhead, 0), Text(figures.few_accounted_share, 3),
                  Text(figures.many_accounted_share, 3), Text(100 * figures.equal_bytes_hit_ratio, 1)});
  }
  return absl::StrCat("\n== memory\n\n", table.ToString());
}

std::vector<bench::Verdict> JudgeMemory(const MemoryResults& results) {
  std::vector<bench::Verdict> verdicts;
  const auto ours = results.find(kTier);
  if (ours == results.end() || ours->second.few_accounted_share == 0) return verdicts;
  const MemoryFigures& figures = ours->second;
  const bench::Range share = bench::Between(0.98, 1.02);
  const bench::Range share_floor = bench::Between(0.93, 1.05);
  verdicts.push_back(MakeVerdict("L13", "fill", "bytes over key and value", bench::AtMost(80), bench::AtMost(100),
                                 figures.many_overhead));
  verdicts.push_back(MakeVerdict("L13", "churn", "bytes over key and value", bench::AtMost(130), bench::AtMost(250),
                                 figures.churn_overhead));
  verdicts.push_back(
      MakeVerdict("L14", "few-keys", "accounted / resident", share, share_floor, figures.few_accounted_share));
  verdicts.push_back(
      MakeVerdict("L14", "many-keys", "accounted / resident", share, share_floor, figures.many_accounted_share));
  const auto rocks = results.find(kRocksLru);
  if (rocks != results.end() && rocks->second.equal_bytes_hit_ratio > 0) {
    const double points = 100 * (figures.equal_bytes_hit_ratio - rocks->second.equal_bytes_hit_ratio);
    verdicts.push_back(MakeVerdict("L15", kRocksLru, "points more hits of equal bytes", bench::AtLeast(2.0),
                                   bench::AtLeast(0.5), points));
  }
  return verdicts;
}

}  // namespace nearcache::local_peers
