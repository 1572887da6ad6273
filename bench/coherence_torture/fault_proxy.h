// A proxy that knows the Redis protocol, between every worker and the server: one thread, one unix socket for each
// worker to connect to, and faults on demand (proxy_fault.h). All calls are thread-safe unless noted.

#ifndef BENCH_COHERENCE_TORTURE_FAULT_PROXY_H_
#define BENCH_COHERENCE_TORTURE_FAULT_PROXY_H_

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "bench/coherence_torture/proxy_connection.h"
#include "bench/coherence_torture/proxy_fault.h"

namespace nearcache::bench::torture {

class FaultProxy {
 public:
  // Listens on `folder`/proxy-0.sock, proxy-1.sock, … for `worker_count` workers and joins each connection with
  // `server_path`. kInternal: the system refused.
  static absl::StatusOr<std::unique_ptr<FaultProxy>> Start(const std::string& folder, int worker_count,
                                                           std::string server_path, uint64_t seed);

  // Cuts everything.
  ~FaultProxy();
  FaultProxy(const FaultProxy&) = delete;
  FaultProxy& operator=(const FaultProxy&) = delete;

  static std::string SocketPath(const std::string& folder, int worker);

  // Begins a fault now. What is returned counts how often it happened.
  FaultTally Begin(const ProxyFault& fault);

  // New connections go there from now on; those that live stay where they are.
  void SetServer(std::string server_path);

 private:
  struct Listener {
    int descriptor;
    int worker;
  };

  FaultProxy(std::string folder, std::string server_path, uint64_t seed)
      : folder_(std::move(folder)), server_path_(std::move(server_path)), seed_(seed) {}

  absl::Status Listen(int worker_count);
  void Run();
  int64_t ServeReady(int64_t now_nanos);
  void Wait(int64_t until_nanos);
  void Accept(const Listener& listener);
  void TakeOrders(int64_t now_nanos);
  void BeginNow(std::unique_ptr<ActiveFault> fault, int64_t now_nanos);
  void EndFaults(int64_t now_nanos);
  void Wake();

  const std::string folder_;
  std::vector<Listener> listeners_;
  int wake_ = -1;
  std::atomic<bool> stopping_{false};
  std::thread thread_;

  absl::Mutex mutex_;
  std::string server_path_ ABSL_GUARDED_BY(mutex_);
  std::vector<std::unique_ptr<ActiveFault>> orders_ ABSL_GUARDED_BY(mutex_);

  // Of the thread.
  uint64_t seed_;
  ActiveFaults faults_;
  bool faults_changed_ = false;
  std::vector<std::unique_ptr<ProxyConnection>> connections_;
};

}  // namespace nearcache::bench::torture

#endif  // BENCH_COHERENCE_TORTURE_FAULT_PROXY_H_
