#include "bench/local_peers/pauses.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <memory>
#include <thread>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "bench/local_peers/candidate.h"
#include "bench/support/clock.h"
#include "bench/support/corpus.h"
#include "bench/support/histogram.h"
#include "bench/support/request_stream.h"
#include "bench/support/spread.h"
#include "bench/support/text_table.h"
#include "bench/support/ticks.h"

namespace nearcache::local_peers {
namespace {

constexpr char kClear[] = "clear";
constexpr char kShrink[] = "shrink";
constexpr char kExpire[] = "expire";

enum Phase { kIdle, kEvent, kEnd };

// What the reader felt in one phase.
struct Felt {
  uint64_t reads = 0;
  int64_t nanos = 0;
  bench::HistogramSnapshot ticks;

  double ReadsPerNano() const { return nanos > 0 ? static_cast<double>(reads) / static_cast<double>(nanos) : 0; }
  double Latency(double fraction) const {
    return static_cast<double>(ticks.Percentile(fraction)) * bench::NanosPerTick();
  }
};

// Reads until the phase is kEnd, a few hundred at a time, so that it notices a new phase soon.
class ReaderThread {
 public:
  ReaderThread(Candidate* candidate, const bench::RequestStream& stream)
      : candidate_(candidate), cursor_(stream), thread_([this] { Loop(); }) {}
  ~ReaderThread() { End(); }

  // Returns when the reader is in it, so that what follows is felt in this phase.
  void Enter(Phase phase) {
    phase_.store(phase, std::memory_order_release);
    while (noticed_.load(std::memory_order_acquire) != phase) std::this_thread::yield();
  }

  void End() {
    if (!thread_.joinable()) return;
    Enter(kEnd);
    thread_.join();
  }

  // REQUIRES: End was called.
  const Felt& felt(Phase phase) const { return felt_[phase]; }

 private:
  static constexpr uint32_t kReads = 256;

  void Loop() {
    while (true) {
      const Phase phase = phase_.load(std::memory_order_acquire);
      noticed_.store(phase, std::memory_order_release);
      if (phase == kEnd) return;
      Felt& felt = felt_[phase];
      const int64_t begin = bench::NowNanos();
      candidate_->RunTimed(Task(), &cursor_, kReads, &felt.ticks);
      felt.nanos += bench::NowNanos() - begin;
      felt.reads += kReads;
    }
  }

  Candidate* const candidate_;
  bench::RequestStream::Cursor cursor_;
  Felt felt_[kEnd];
  std::atomic<Phase> phase_{kIdle};
  std::atomic<Phase> noticed_{kIdle};
  std::thread thread_;
};

class PauseRun {
 public:
  explicit PauseRun(const PauseOptions& options)
      : options_(options), corpus_(bench::Shape()), stream_(corpus_, options.hot_keys, 0.99, size_t{1} << 19, 1) {}

  // False: this candidate does not know such an event.
  bool Measure(const Entrant& entrant, const std::string& event, Pause* pause) const {
    const std::unique_ptr<Candidate> candidate =
        entrant.make(Room{&corpus_, options_.hot_keys + options_.other_keys, 0, 0});
    const int64_t fill_begin = bench::NowNanos();
    candidate->Fill(0, options_.hot_keys);
    int64_t deadline = 0;
    if (event == kExpire) {
      // Far enough away that the filling is over by then, if it goes on as slowly as it began, and three times so.
      const int64_t hot_nanos = bench::NowNanos() - fill_begin;
      const int64_t others = hot_nanos * (options_.other_keys / options_.hot_keys);
      deadline = bench::NowNanos() + 3 * others + 2 * options_.idle_nanos;
      if (!candidate->FillUntil(options_.hot_keys, options_.other_keys, deadline)) return false;
    } else {
      candidate->Fill(options_.hot_keys, options_.other_keys);
    }
    candidate->Tend();
    return Watch(event, deadline, candidate.get(), pause);
  }

 private:
  bool Watch(const std::string& event, int64_t deadline, Candidate* candidate, Pause* pause) const {
    ReaderThread reader(candidate, stream_);
    const int64_t idle_end = std::max(bench::NowNanos() + options_.idle_nanos, deadline);
    while (bench::NowNanos() < idle_end) std::this_thread::sleep_for(std::chrono::milliseconds(1));
    reader.Enter(kEvent);
    const int64_t begin = bench::NowNanos();
    const bool known = event == kExpire || (event == kClear ? candidate->Clear() : candidate->ShrinkToHalf());
    pause->call_nanos = static_cast<double>(bench::NowNanos() - begin);
    while (candidate->Work()) {
    }
    pause->whole_nanos = static_cast<double>(bench::NowNanos() - begin);
    reader.End();
    if (!known) return false;
    const Felt& idle = reader.felt(kIdle);
    const Felt& felt = reader.felt(kEvent);
    pause->speed_percent = 100 * felt.ReadsPerNano() / std::max(idle.ReadsPerNano(), 1e-12);
    pause->p999_nanos = felt.Latency(0.999);
    pause->max_nanos = felt.Latency(1);
    pause->idle_p999_nanos = idle.Latency(0.999);
    return true;
  }

  const PauseOptions& options_;
  const bench::Corpus corpus_;
  const bench::RequestStream stream_;
};

double Median(const std::vector<Pause>& pauses, double Pause::* field) {
  std::vector<double> values;
  for (const Pause& pause : pauses) values.push_back(pause.*field);
  return bench::SpreadOf(values).median;
}

Pause Summary(const std::vector<Pause>& repetitions) {
  Pause pause = repetitions[0];
  for (double Pause::* field :
       {&Pause::call_nanos, &Pause::whole_nanos, &Pause::speed_percent, &Pause::p999_nanos, &Pause::idle_p999_nanos}) {
    pause.*field = Median(repetitions, field);
  }
  for (const Pause& each : repetitions) pause.max_nanos = std::max(pause.max_nanos, each.max_nanos);
  return pause;
}

std::string Micros(double nanos) { return absl::StrFormat("%.1f", nanos / 1000); }

bench::Verdict MakeVerdict(const char* id, const Pause& pause, const char* what, const bench::Range& limit,
                           const bench::Range& floor, double value) {
  bench::Verdict verdict;
  verdict.goal = {id, what, absl::StrCat(pause.event, " of a million"), limit, floor};
  verdict.value = value;
  return verdict;
}

}  // namespace

std::vector<Pause> MeasurePauses(const std::vector<Entrant>& entrants, const PauseOptions& options,
                                 absl::FunctionRef<void(const std::string&)> tell) {
  const PauseRun run(options);
  std::vector<Pause> pauses;
  for (const Entrant& entrant : entrants) {
    if (entrant.parts || entrant.slow || !entrant.evicts) continue;
    for (const char* event : {kClear, kShrink, kExpire}) {
      std::vector<Pause> repetitions;
      const int count = entrant.name == kTier ? options.repetitions : 1;
      for (int i = 0; i < count; ++i) {
        Pause pause;
        pause.candidate = entrant.name;
        pause.event = event;
        if (run.Measure(entrant, event, &pause)) repetitions.push_back(pause);
      }
      tell(absl::StrCat("pauses: ", entrant.name, " ", event, repetitions.empty() ? ": not known to it" : ""));
      if (!repetitions.empty()) pauses.push_back(Summary(repetitions));
    }
  }
  return pauses;
}

std::string PauseTable(const std::vector<Pause>& pauses) {
  bench::TextTable table(
      {"pauses of a reader, us", "event", "call", "until all was done", "speed kept", "p99.9", "max", "p99.9 before"});
  for (const Pause& pause : pauses) {
    table.AddRow({pause.candidate, pause.event, Micros(pause.call_nanos), Micros(pause.whole_nanos),
                  absl::StrFormat("%.0f %%", pause.speed_percent), Micros(pause.p999_nanos), Micros(pause.max_nanos),
                  Micros(pause.idle_p999_nanos)});
  }
  return absl::StrCat("\n== pauses\n\n", table.ToString());
}

std::vector<bench::Verdict> JudgePauses(const std::vector<Pause>& pauses) {
  std::vector<bench::Verdict> verdicts;
  for (const Pause& pause : pauses) {
    if (pause.candidate != kTier) continue;
    const double tail_micros = pause.p999_nanos / 1000;
    const bench::Range tail = bench::AtMost(20);
    const bench::Range kept = bench::AtLeast(80);
    if (pause.event == kClear) {
      verdicts.push_back(
          MakeVerdict("L19", pause, "call-us", bench::AtMost(10), bench::AtMost(1000), pause.call_nanos / 1000));
      verdicts.push_back(MakeVerdict("L19", pause, "p99.9-us", tail, bench::AtMost(100), tail_micros));
      continue;
    }
    const bool expire = pause.event == kExpire;
    const char* const id = expire ? "L20" : "L21";
    verdicts.push_back(
        MakeVerdict(id, pause, "speed-percent", kept, bench::AtLeast(expire ? 45 : 35), pause.speed_percent));
    verdicts.push_back(MakeVerdict(id, pause, "p99.9-us", tail, bench::AtMost(expire ? 100 : 250), tail_micros));
  }
  return verdicts;
}

}  // namespace nearcache::local_peers
