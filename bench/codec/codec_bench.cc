// What does it cost to put a value into a frame and take it out again, and which level of zstd
// pays?
//
//   ./bazelw run -c opt //bench/codec:codec_bench
//
// Values are JSON records with names, text and numbers, all different, as web services cache them.
// `ratio` is the size of the frame, header included, divided by that of the value.

#include <cstdint>
#include <random>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "benchmark/benchmark.h"
#include "nearcache/internal/codec/frame.h"

namespace nearcache::internal::codec {
namespace {

constexpr OperationId kEpoch{1, 1};
constexpr FrameStamp kStamp{"user:4711:profile", kEpoch, {2, 3}};
constexpr size_t kVariants = 64;  // So that branch prediction does not learn one value by heart.

constexpr absl::string_view kWords[] = {
    "time",    "person", "year",  "way",  "day",   "thing", "world", "life",   "hand",  "part", "child", "eye",
    "woman",   "place",  "work",  "week", "case",  "point", "group", "number", "house", "area", "water", "money",
    "story",   "fact",   "month", "lot",  "right", "study", "book",  "word",   "issue", "side", "kind",  "head",
    "service", "friend", "power", "hour", "game",  "line",  "end",   "member", "law",   "car",  "city",  "name"};

std::string Record(std::mt19937_64* random) {
  const auto word = [&] { return kWords[(*random)() % (sizeof(kWords) / sizeof(kWords[0]))]; };
  std::string text = absl::StrCat(
      "{\"id\":", (*random)() % 100000000, ",\"name\":\"", word(), " ", word(), "\",\"email\":\"", word(), ".", word(),
      "@example.org\",\"score\":", (*random)() % 1000, ".", (*random)() % 100, ",\"text\":\"");
  for (int i = 0; i < 12; ++i) absl::StrAppend(&text, word(), " ");
  absl::StrAppend(&text, "\",\"token\":\"", absl::Hex((*random)()), absl::Hex((*random)()), "\",\"active\":true},");
  return text;
}

std::vector<std::string> Values(size_t size) {
  std::mt19937_64 random(size);
  std::vector<std::string> values(kVariants);
  for (std::string& value : values) {
    while (value.size() < size) value += Record(&random);
    value.resize(size);
  }
  return values;
}

CompressorOptions AtLevel(int level) {
  CompressorOptions options;
  options.threshold_bytes = level == 0 ? 0 : 1;
  options.level = level;
  return options;
}

// Arguments: size of the value, level (0: not compressed).
void BM_Encode(benchmark::State& state) {
  const std::vector<std::string> values = Values(static_cast<size_t>(state.range(0)));
  const Compressor compressor(AtLevel(static_cast<int>(state.range(1))));
  size_t next = 0;
  size_t frame_bytes = 0;
  for (auto _ : state) {
    const std::string frame = EncodeFrame(values[next++ % kVariants], kStamp, &compressor);
    frame_bytes += frame.size();
  }
  const auto raw_bytes = static_cast<double>(state.iterations() * state.range(0));
  state.SetBytesProcessed(state.iterations() * state.range(0));
  state.counters["ratio"] = static_cast<double>(frame_bytes) / raw_bytes;
}

void BM_Decode(benchmark::State& state) {
  const Compressor compressor(AtLevel(static_cast<int>(state.range(1))));
  std::vector<Value> frames;
  for (const std::string& value : Values(static_cast<size_t>(state.range(0)))) {
    frames.push_back(Value::Adopt(EncodeFrame(value, kStamp, &compressor)));
  }
  DecodeOptions options;
  options.compressor = &compressor;
  size_t next = 0;
  for (auto _ : state) {
    const DecodedFrame decoded = DecodeFrame(frames[next++ % kVariants], kStamp.key, kEpoch, options);
    if (decoded.result != FrameResult::kOk) state.SkipWithError("a frame did not decode");
  }
  state.SetBytesProcessed(state.iterations() * state.range(0));
}

void SizesAndLevels(benchmark::internal::Benchmark* benchmark) {
  benchmark->ArgNames({"bytes", "level"});
  for (const int size : {128, 512, 1024, 4096, 65536}) {
    for (const int level : {0, 1, 3, 6, 9}) benchmark->Args({size, level});
  }
}

BENCHMARK(BM_Encode)->Apply(SizesAndLevels);
BENCHMARK(BM_Decode)->Apply(SizesAndLevels);

}  // namespace
}  // namespace nearcache::internal::codec

BENCHMARK_MAIN();
