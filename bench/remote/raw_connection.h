// A connection to the server without the library, for baselines and subscribers: bytes out, replies counted in.
//
// Not thread-safe. Failures end the program: a benchmark without its server has nothing to say.

#ifndef BENCH_REMOTE_RAW_CONNECTION_H_
#define BENCH_REMOTE_RAW_CONNECTION_H_

#include <atomic>
#include <cstddef>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/string_view.h"

namespace nearcache::bench {

class RawConnection {
 public:
  explicit RawConnection(const std::string& socket_path);
  ~RawConnection();
  RawConnection(const RawConnection&) = delete;
  RawConnection& operator=(const RawConnection&) = delete;

  void Send(absl::string_view bytes);
  // Reads until `count` whole replies came. An error reply ends the program.
  void AwaitReplies(size_t count);
  int descriptor() const { return descriptor_; }

 private:
  const int descriptor_;
  std::string received_;
};

// Connections that are subscribed to channels, and a thread that throws away what they hear.
class Subscribers {
 public:
  Subscribers(const std::string& socket_path, int count, absl::string_view channel);
  ~Subscribers();

 private:
  void Drain();

  std::vector<std::unique_ptr<RawConnection>> connections_;
  std::atomic<bool> stop_{false};
  std::thread thread_;
};

}  // namespace nearcache::bench

#endif  // BENCH_REMOTE_RAW_CONNECTION_H_
