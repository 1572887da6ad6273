// A Candidate out of a Store: a class with these members, all thread-safe but the constructor.
//
//   explicit Store(const Room& room);
//   template <Form form> bool Get(absl::string_view key, Reader* reader);   // whether it hit
//   void Set(absl::string_view key, absl::string_view value);
//   and those of StoreBase, if it has something to say for them: they are called what Candidate calls them

#ifndef BENCH_LOCAL_PEERS_CANDIDATE_OF_H_
#define BENCH_LOCAL_PEERS_CANDIDATE_OF_H_

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>

#include "absl/strings/string_view.h"
#include "bench/local_peers/candidate.h"
#include "bench/support/corpus.h"
#include "bench/support/histogram.h"
#include "bench/support/request_stream.h"
#include "bench/support/ticks.h"

namespace nearcache::local_peers {

// What one thread does with the values that it gets.
class Reader {
 public:
  void Visit(absl::string_view value) {
    uint64_t first = 0;
    uint64_t last = 0;
    const size_t size = value.size() < sizeof(first) ? value.size() : sizeof(first);
    std::memcpy(&first, value.data(), size);
    std::memcpy(&last, value.data() + value.size() - size, size);
    checksum_ += first ^ last;
  }

  // For stores that copy out: fill it, then call VisitCopy.
  std::string* copy() { return &copy_; }
  void VisitCopy() { Visit(copy_); }

  // For stores that show a value under a lock or a pin: as the form wants it.
  template <Form form>
  void Take(absl::string_view value) {
    if (form == Form::kCopy) {
      copy_.assign(value.data(), value.size());
      VisitCopy();
    } else {
      Visit(value);
    }
  }

  void Add(uint64_t word) { checksum_ += word; }

  uint64_t checksum() const { return checksum_; }

 private:
  std::string copy_;
  uint64_t checksum_ = 0;
};

class StoreBase {
 public:
  void Tend() {}
  size_t AccountedBytes() { return 0; }
  size_t Entries() { return 0; }
  bool Clear() { return false; }
  bool ShrinkToHalf() { return false; }
  bool Work() { return false; }
  bool SetUntil(absl::string_view /*key*/, absl::string_view /*value*/, int64_t /*deadline*/) { return false; }
};

template <typename Store>
class CandidateOf final : public Candidate {
 public:
  explicit CandidateOf(const Room& room) : corpus_(*room.corpus), store_(room) {}

  SliceCounts Run(const Task& task, bench::RequestStream::Cursor* cursor, uint32_t operations) override {
    switch (task.form) {
      case Form::kVisit:
        return RunAs<Form::kVisit, false>(task, cursor, operations, nullptr);
      case Form::kCopy:
        return RunAs<Form::kCopy, false>(task, cursor, operations, nullptr);
      default:
        return RunAs<Form::kHold, false>(task, cursor, operations, nullptr);
    }
  }

  SliceCounts RunTimed(const Task& task, bench::RequestStream::Cursor* cursor, uint32_t operations,
                       bench::HistogramSnapshot* ticks) override {
    switch (task.form) {
      case Form::kVisit:
        return RunAs<Form::kVisit, true>(task, cursor, operations, ticks);
      case Form::kCopy:
        return RunAs<Form::kCopy, true>(task, cursor, operations, ticks);
      default:
        return RunAs<Form::kHold, true>(task, cursor, operations, ticks);
    }
  }

  void Fill(uint32_t first, uint32_t count) override {
    char buffer[bench::Corpus::kKeyBytesLimit];
    for (uint32_t number = first; number < first + count; ++number) {
      store_.Set(corpus_.Key(number, buffer), corpus_.Value(number));
    }
  }

  void Tend() override { store_.Tend(); }
  size_t AccountedBytes() override { return store_.AccountedBytes(); }
  size_t Entries() override { return store_.Entries(); }
  bool Clear() override { return store_.Clear(); }
  bool ShrinkToHalf() override { return store_.ShrinkToHalf(); }
  bool Work() override { return store_.Work(); }

  bool FillUntil(uint32_t first, uint32_t count, int64_t deadline) override {
    char buffer[bench::Corpus::kKeyBytesLimit];
    for (uint32_t number = first; number < first + count; ++number) {
      if (!store_.SetUntil(corpus_.Key(number, buffer), corpus_.Value(number), deadline)) return false;
    }
    return true;
  }

 private:
  template <Form form, bool timed>
  SliceCounts RunAs(const Task& task, bench::RequestStream::Cursor* cursor, uint32_t operations,
                    bench::HistogramSnapshot* ticks) {
    SliceCounts counts;
    Reader reader;
    for (uint32_t i = 0; i < operations; ++i) {
      const bench::Request& request = cursor->Next();
      const int64_t begin = timed ? bench::Ticks() : 0;
      Operate<form>(task, request, &reader, &counts);
      if (timed) ticks->Record(bench::Ticks() - begin);
    }
    counts.checksum = reader.checksum();
    return counts;
  }

  template <Form form>
  void Operate(const Task& task, const bench::Request& request, Reader* reader, SliceCounts* counts) {
    if (request.dice < task.writes_per_mille) return store_.Set(request.key(), corpus_.Value(request.number));
    ++counts->reads;
    if (store_.template Get<form>(request.key(), reader)) {
      ++counts->hits;
    } else if (task.set_on_miss) {
      store_.Set(request.key(), corpus_.Value(request.number));
    }
  }

  const bench::Corpus& corpus_;
  Store store_;
};

}  // namespace nearcache::local_peers

#endif  // BENCH_LOCAL_PEERS_CANDIDATE_OF_H_
