#include "bench/hit_ratio/flags.h"

#include <algorithm>
#include <cstdint>

#include "absl/flags/flag.h"
#include "absl/flags/parse.h"
#include "absl/flags/usage.h"
#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/strip.h"
#include "bench/support/flag_values.h"

ABSL_FLAG(std::vector<std::string>, trace, {},
          "Recorded traces: .u32, .txt or .csv, perhaps with .xz; several with commas or as several flags.");
ABSL_FLAG(std::vector<std::string>, generators, std::vector<std::string>({"all"}),
          "Generated traces: all, none, or of zipf, scan, loop, drift.");
ABSL_FLAG(uint32_t, keys, 100'000, "Keys of a generated trace: 100 to 100000000.");
ABSL_FLAG(uint32_t, requests, 1'000'000, "Requests of a generated trace: 1000 to 100000000.");
ABSL_FLAG(double, zipf_exponent, 0.99, "How steep popularity is: 0.1 to 4.");
ABSL_FLAG(uint32_t, stripes, 16, "Stripes of the tier, at most: a power of two up to 1024; each keeps 64 entries.");
ABSL_FLAG(uint64_t, seed, 1, "Seed of generators and of the tier's hash.");
ABSL_FLAG(std::string, json, "", "Where the figures are written as JSON. Empty: nowhere.");
ABSL_FLAG(std::string, html, "hit-ratio.html", "Where the page with the curves is written. Empty: nowhere.");

namespace nearcache::hit_ratio {
namespace {

constexpr char kUsage[] =
    "Hit ratios of the local tier's policies on traces, at many sizes of memory, by entries and by bytes, with exact "
    "LRU, FIFO and Belady's bound beside them. Prints tables, then goals and verdicts.";

constexpr char kTraceFlag[] = "--trace=";

// Abseil takes the last of several flags of one name; here all count.
std::vector<char*> WithOneTraceFlag(int argc, char** argv, std::string* joined) {
  std::vector<std::string> files;
  std::vector<char*> arguments;
  for (int i = 0; i < argc; ++i) {
    absl::string_view argument = argv[i];
    if (absl::ConsumePrefix(&argument, kTraceFlag)) {
      files.emplace_back(argument);
    } else {
      arguments.push_back(argv[i]);
    }
  }
  *joined = absl::StrCat(kTraceFlag, absl::StrJoin(files, ","));
  // Directly behind the program's name, so that no "--" can stand before it.
  if (!files.empty()) arguments.insert(arguments.begin() + 1, &(*joined)[0]);
  return arguments;
}

std::string OutputPath(const std::string& path) { return path.empty() ? path : bench::PathOfCaller(path); }

absl::StatusOr<std::vector<std::string>> GeneratorsOf(const std::vector<std::string>& flag) {
  const std::vector<std::string> known = GeneratorNames();
  if (flag == std::vector<std::string>{"all"}) return known;
  if (flag.empty() || flag == std::vector<std::string>{"none"}) return std::vector<std::string>();
  for (const std::string& name : flag) {
    if (std::find(known.begin(), known.end(), name) == known.end()) {
      return absl::InvalidArgumentError(
          absl::StrCat("--generators: '", name, "' is none of all, none, ", absl::StrJoin(known, ", ")));
    }
  }
  return flag;
}

}  // namespace

absl::StatusOr<Flags> ParseFlags(int argc, char** argv) {
  absl::SetProgramUsageMessage(kUsage);
  std::string joined;
  std::vector<char*> arguments = WithOneTraceFlag(argc, argv, &joined);
  if (absl::ParseCommandLine(static_cast<int>(arguments.size()), arguments.data()).size() > 1) {
    return absl::InvalidArgumentError("only flags are taken; --help lists them");
  }
  Flags flags;
  for (const std::string& path : absl::GetFlag(FLAGS_trace)) flags.traces.push_back(bench::PathOfCaller(path));
  const absl::StatusOr<std::vector<std::string>> generators = GeneratorsOf(absl::GetFlag(FLAGS_generators));
  if (!generators.ok()) return generators.status();
  flags.generators = *generators;
  bench::FlagBounds bounds;
  flags.generate.keys = bounds.InRange<uint32_t>("keys", absl::GetFlag(FLAGS_keys), 100, 100'000'000);
  flags.generate.requests = bounds.InRange<uint32_t>("requests", absl::GetFlag(FLAGS_requests), 1000, 100'000'000);
  flags.generate.zipf_exponent = bounds.InRange("zipf_exponent", absl::GetFlag(FLAGS_zipf_exponent), 0.1, 4.0);
  flags.generate.seed = absl::GetFlag(FLAGS_seed);
  const auto stripes = bounds.InRange<uint32_t>("stripes", absl::GetFlag(FLAGS_stripes), 1, 1024);
  if (!bounds.status().ok()) return bounds.status();
  if ((stripes & (stripes - 1)) != 0) {
    return absl::InvalidArgumentError(absl::StrCat("--stripes=", stripes, " must be a power of two"));
  }
  flags.sweep.stripe_count = static_cast<int>(stripes);
  flags.sweep.seed = absl::GetFlag(FLAGS_seed);
  flags.json = OutputPath(absl::GetFlag(FLAGS_json));
  flags.html = OutputPath(absl::GetFlag(FLAGS_html));
  if (flags.traces.empty() && flags.generators.empty()) {
    return absl::InvalidArgumentError("nothing to do: --generators=none and no --trace");
  }
  return flags;
}

}  // namespace nearcache::hit_ratio
