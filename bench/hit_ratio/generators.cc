#include "bench/hit_ratio/generators.h"

#include <algorithm>

#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "bench/support/random.h"
#include "bench/support/zipf.h"

namespace nearcache::hit_ratio {
namespace {

constexpr uint32_t kScans = 20;
constexpr uint32_t kScanShare = 10;

using Keys = std::vector<uint64_t>;

Keys ZipfKeys(const GeneratorOptions& options) {
  const bench::Zipf zipf(options.keys, options.zipf_exponent);
  bench::Random random(options.seed);
  Keys keys;
  for (uint32_t i = 0; i < options.requests; ++i) keys.push_back(zipf.Draw(&random));
  return keys;
}

Keys ScanKeys(const GeneratorOptions& options) {
  const Keys popular = ZipfKeys(options);
  const size_t between = std::max<size_t>(1, popular.size() / kScans);
  Keys keys;
  uint64_t next_once = options.keys;
  for (size_t i = 0; i < popular.size(); ++i) {
    keys.push_back(popular[i]);
    if ((i + 1) % between != 0) continue;
    for (uint32_t scanned = 0; scanned < options.keys / kScanShare; ++scanned) keys.push_back(next_once++);
  }
  return keys;
}

Keys LoopKeys(const GeneratorOptions& options) {
  Keys keys;
  for (uint32_t i = 0; i < options.requests; ++i) keys.push_back(i % options.keys);
  return keys;
}

Keys DriftKeys(const GeneratorOptions& options) {
  Keys keys = ZipfKeys(options);
  for (size_t i = 0; i < keys.size(); ++i) {
    const uint64_t appeared = i * options.keys / keys.size();
    // Ranks count from the newest key down; those before the first are the ones that were there at the beginning.
    keys[i] = options.keys + appeared - keys[i];
  }
  return keys;
}

struct Generator {
  const char* name;
  Keys (*make)(const GeneratorOptions& options);
};

constexpr Generator kGenerators[] = {
    {"zipf", &ZipfKeys}, {"scan", &ScanKeys}, {"loop", &LoopKeys}, {"drift", &DriftKeys}};

}  // namespace

std::vector<std::string> GeneratorNames() {
  std::vector<std::string> names;
  for (const Generator& generator : kGenerators) names.emplace_back(generator.name);
  return names;
}

absl::StatusOr<Trace> Generate(absl::string_view name, const GeneratorOptions& options) {
  for (const Generator& generator : kGenerators) {
    if (generator.name != name) continue;
    Trace trace;
    trace.name = generator.name;
    absl::flat_hash_map<uint64_t, uint32_t> numbers;
    for (const uint64_t key : generator.make(options)) {
      trace.requests.push_back(NumberOf(key, &numbers, &trace.sizes));
    }
    DrawSizes(&trace);
    return trace;
  }
  return absl::InvalidArgumentError(
      absl::StrCat("no generator '", name, "'; there are ", absl::StrJoin(GeneratorNames(), ", ")));
}

}  // namespace nearcache::hit_ratio
