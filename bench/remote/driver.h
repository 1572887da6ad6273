// What the comparison of clients asks of one: many GETs at a time, from any thread.

#ifndef NEARCACHE_BENCH_REMOTE_DRIVER_H_
#define NEARCACHE_BENCH_REMOTE_DRIVER_H_

#include <memory>
#include <string>

#include "absl/strings/string_view.h"
#include "nearcache/value.h"

namespace nearcache::bench {

// One GET. Whoever issues it owns it until OnDone was called, on a thread of the driver's.
class GetCall {
 public:
  virtual ~GetCall() = default;
  virtual void OnDone() = 0;

  // Where the answer is: each driver hands over bytes that the caller owns, in the form that costs it least.
  std::string text;
  Value value;
};

class Driver {
 public:
  virtual ~Driver() = default;
  virtual void Get(absl::string_view key, GetCall* call) = 0;
};

struct Target {
  std::string host = "127.0.0.1";
  int port = 0;
};

std::unique_ptr<Driver> MakeEngineDriver(const Target& target);

// hiredis' async.c under an epoll loop written by hand, with a mutex, a vector and a coalesced eventfd in front.
std::unique_ptr<Driver> MakeHiredisLoopDriver(const Target& target);

// A blocking hiredis connection: one request, one reply.
class BlockingConnection {
 public:
  explicit BlockingConnection(const Target& target);
  ~BlockingConnection();
  BlockingConnection(const BlockingConnection&) = delete;
  BlockingConnection& operator=(const BlockingConnection&) = delete;
  void Get(absl::string_view key, std::string* text);

 private:
  void* const context_;
};

}  // namespace nearcache::bench

#endif  // NEARCACHE_BENCH_REMOTE_DRIVER_H_
