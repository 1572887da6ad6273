// What the comparison asks of a client of Redis: GETs and batches of GETs, from any thread or from one that blocks.

#ifndef BENCH_REMOTE_PEERS_CLIENT_H_
#define BENCH_REMOTE_PEERS_CLIENT_H_

#include <cstddef>
#include <cstdlib>
#include <iostream>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "nearcache/value.h"

namespace nearcache::remote_peers {

struct Target {
  std::string host = "127.0.0.1";
  int port = 0;
  std::string socket_path;  // Not empty: this way instead.
};

// Keys are taken from a table that outlives the run.
using Keys = absl::Span<const std::string* const>;

// The answer to one key: bytes that the caller owns, in the form that costs the client least.
struct Answer {
  std::string text;
  Value value;

  absl::string_view view() const { return text.empty() ? value.view() : absl::string_view(text); }
  void Clear() {
    std::string().swap(text);
    value = Value();
  }
};

// A batch of GETs; most batches are of one. Whoever issues it owns it until OnDone was called, on a thread of the
// client's, with one answer per key in `answers`.
class Call {
 public:
  virtual ~Call() = default;
  virtual void OnDone() = 0;

  std::vector<Answer> answers;
  size_t answered = 0;  // For the client, which leaves it at 0.
};

class AsyncClient {
 public:
  virtual ~AsyncClient() = default;
  // Any thread. `call` has room for an answer to each key.
  virtual void Get(Keys keys, Call* call) = 0;
  // Whether it wakes callers that block many at a time, where they wait for that.
  virtual bool wakes_in_batches() const { return false; }
};

class BlockingClient {
 public:
  virtual ~BlockingClient() = default;
  // `caller`: a number of the thread's own, below the number of callers.
  virtual void Get(int caller, Keys keys, std::vector<Answer>* answers) = 0;
};

// A benchmark without its server has nothing to say.
[[noreturn]] inline void Die(absl::string_view who, absl::string_view why) {
  std::cerr << who << ": " << why << "\n";
  std::_Exit(1);
}

}  // namespace nearcache::remote_peers

#endif  // BENCH_REMOTE_PEERS_CLIENT_H_
