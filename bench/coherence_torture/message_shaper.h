// Applies faults to the messages of one direction of one proxied connection. Pure: no socket, no clock.

#ifndef BENCH_COHERENCE_TORTURE_MESSAGE_SHAPER_H_
#define BENCH_COHERENCE_TORTURE_MESSAGE_SHAPER_H_

#include <cstdint>
#include <deque>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "bench/coherence_torture/proxy_fault.h"
#include "bench/support/random.h"

namespace nearcache::bench::torture {

// Bytes on their way out, not before `due_nanos`.
struct Parcel {
  std::string bytes;
  int64_t due_nanos = 0;
  // The connection is cut when they are written.
  bool cut = false;
};

struct ShapedMessage {
  absl::string_view bytes;
  // Whether it is a Pub/Sub message, and for a reply to GET the key that was asked for; empty otherwise.
  bool published = false;
  absl::string_view get_key;
};

// Whether it is what PUBLISH sends to subscribers, in RESP2 or RESP3.
bool IsPublished(absl::string_view message);

class MessageShaper {
 public:
  explicit MessageShaper(uint64_t seed) : random_(seed) {}

  // `faults` are those that concern this direction of this connection now. Appends to `out` what leaves because of
  // `message`, or nothing, or the same later.
  void Pass(const ShapedMessage& message, const std::vector<ActiveFault*>& faults, int64_t now_nanos,
            std::deque<Parcel>* out);

  // Lets go what waited too long for another message to change places with.
  void Tick(int64_t now_nanos, std::deque<Parcel>* out);

  // Until when something waits; 0: nothing does.
  int64_t held_until_nanos() const { return held_.empty() ? 0 : held_until_nanos_; }

 private:
  void Hold(const ShapedMessage& message, ActiveFault* fault, int64_t now_nanos);
  void ExchangeAndRelease(const ShapedMessage& message, int64_t now_nanos, std::deque<Parcel>* out);
  void Release(int64_t now_nanos, std::deque<Parcel>* out);
  void Emit(absl::string_view bytes, int64_t due_nanos, std::deque<Parcel>* out);
  std::string FlipBit(absl::string_view message, absl::string_view part);

  Random random_;
  int64_t last_due_nanos_ = 0;
  // The first of the two that change places, and what lies between them.
  std::vector<std::string> held_;
  std::string held_key_;
  FaultTally held_tally_;
  int64_t held_until_nanos_ = 0;
};

}  // namespace nearcache::bench::torture

#endif  // BENCH_COHERENCE_TORTURE_MESSAGE_SHAPER_H_
