// Requests as a server has them: the key lies in a record, and records are read one after the other, so that fetching a
// request costs next to nothing and its key is in the CPU's cache when the look-up begins.

#ifndef BENCH_SUPPORT_REQUEST_STREAM_H_
#define BENCH_SUPPORT_REQUEST_STREAM_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "absl/strings/string_view.h"
#include "bench/support/corpus.h"

namespace nearcache::bench {

struct Request {
  const char* key_data;
  uint32_t number;
  uint16_t key_size;
  // Evenly drawn from [0, 1000): a request is a write if it is below the share of writes.
  uint16_t dice;

  absl::string_view key() const { return {key_data, key_size}; }
};

// The number of the key that has `rank` in popularity: popular keys are scattered over the key space. A permutation of
// [0, key_count).
uint32_t NumberOfRank(uint32_t rank, uint32_t key_count);

// An endless, repeating stream. Fixed after construction; each thread reads through a Cursor of its own.
class RequestStream {
 public:
  // `length` draws from `key_count` keys by Zipf's law with `exponent`, in an order that `seed` decides.
  RequestStream(const Corpus& corpus, uint32_t key_count, double exponent, size_t length, uint64_t seed);

  // On a line of its own: it is written with every request, and cursors of several threads lie side by side.
  class alignas(64) Cursor {
   public:
    explicit Cursor(const RequestStream& stream) : stream_(&stream) {}
    const Request& Next() {
      if (next_ == stream_->requests_.size()) next_ = 0;
      return stream_->requests_[next_++];
    }

   private:
    const RequestStream* stream_;
    size_t next_ = 0;
  };

  size_t length() const { return requests_.size(); }

 private:
  std::unique_ptr<char[]> keys_;
  std::vector<Request> requests_;
};

}  // namespace nearcache::bench

#endif  // BENCH_SUPPORT_REQUEST_STREAM_H_
