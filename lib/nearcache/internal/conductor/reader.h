// Reads that memory did not answer, with a remote tier: lead, join or bypass, as the stripe says.
//
//   lead     fetch for all who join; the fetch has at least the default deadline, because those who
//            join may wait longer than who leads
//   join     wait, at most until the own deadline
//   bypass   the key is being written or loaded here: fetch for oneself, store nothing
//   fresh    as bypass, without looking: a flight that began earlier may bring something older
//
// Thread-safe.

#ifndef NEARCACHE_INTERNAL_CONDUCTOR_READER_H_
#define NEARCACHE_INTERNAL_CONDUCTOR_READER_H_

#include <memory>
#include <vector>

#include "nearcache/internal/conductor/fetcher.h"
#include "nearcache/internal/conductor/read_batch.h"
#include "nearcache/internal/conductor/remote_parts.h"
#include "nearcache/internal/conductor/ways.h"

namespace nearcache::internal::conductor {

class Reader {
 public:
  Reader(const RemoteParts& parts, Fetcher* fetcher);

  void Read(const ReadQuery& query, const std::shared_ptr<ReadCall>& call);
  void ReadMany(const ReadManyQuery& query, const std::shared_ptr<ReadManyCall>& call);

  // kUnavailable if reads may not be answered just now (LinkDownPolicy::kFail).
  absl::Status CheckAllowed() const;

 private:
  using Answer = absl::AnyInvocable<void(ReadResult) &&>;

  // Begins one read. Answers it if memory can, or leaves `answer` with a flight under way (true), or
  // appends what has to be fetched to `items`.
  bool BeginOne(const HashedKey& key, bool fresh, MonotonicNanos now, Answer answer, std::vector<FetchItem>* items);
  MonotonicNanos FetchDeadline(MonotonicNanos deadline, MonotonicNanos now) const;

  const RemoteParts parts_;
  const bool uses_flights_;
  Fetcher* const fetcher_;
};

}  // namespace nearcache::internal::conductor

#endif  // NEARCACHE_INTERNAL_CONDUCTOR_READER_H_
