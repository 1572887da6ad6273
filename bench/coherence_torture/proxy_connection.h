// One connection of a worker and the one to the server that it is joined with, and what lies between the two. Used by
// the proxy's thread alone; sockets do not block.

#ifndef BENCH_COHERENCE_TORTURE_PROXY_CONNECTION_H_
#define BENCH_COHERENCE_TORTURE_PROXY_CONNECTION_H_

#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "bench/coherence_torture/message_shaper.h"
#include "bench/coherence_torture/proxy_fault.h"
#include "bench/coherence_torture/resp_splitter.h"

namespace nearcache::bench::torture {

using ActiveFaults = std::vector<std::unique_ptr<ActiveFault>>;

class ProxyConnection {
 public:
  // Owns both descriptors.
  ProxyConnection(int worker, int client, int server, uint64_t seed);
  ~ProxyConnection();
  ProxyConnection(const ProxyConnection&) = delete;
  ProxyConnection& operator=(const ProxyConnection&) = delete;

  int worker() const { return worker_; }
  ConnectionRole role() const { return role_; }
  int descriptor(bool client) const { return client ? to_client_.out : to_server_.out; }

  // Moves what can be moved. False: the connection is over and may be destroyed.
  bool Serve(const ActiveFaults& faults, int64_t now_nanos);

  // Whether it waits to be served; a new one does.
  void SetReady() { ready_ = true; }
  bool TakeReady() { return std::exchange(ready_, false); }

  // Both ends at once, whatever lies between.
  void Cut() { over_ = true; }

  // From now on nothing goes to the server. At `cut_nanos` the worker sees the end of the connection, at
  // `deliver_nanos` the server gets what was held.
  void HoldCommands(int64_t cut_nanos, int64_t deliver_nanos, FaultTally tally);

  // What the proxy's thread has to wait for.
  bool wants_read(bool client) const { return client ? to_server_.reads : to_client_.reads; }
  bool wants_write(bool client) const { return client ? to_client_.blocked : to_server_.blocked; }
  // When it must be served again though nothing came; INT64_MAX: never.
  int64_t next_due_nanos() const { return next_due_nanos_; }

 private:
  struct Pipe {
    Pipe(int in_descriptor, int out_descriptor, uint64_t seed) : in(in_descriptor), out(out_descriptor), shaper(seed) {}
    int in;
    int out;
    RespSplitter splitter;
    MessageShaper shaper;
    std::deque<Parcel> queue;
    size_t written = 0;  // Of the queue's first parcel.
    size_t queued_bytes = 0;
    bool reads = true;
    bool blocked = false;
    bool ended = false;  // Nothing comes any more.
  };
  struct Request {
    bool is_get;
    std::string key;
  };

  std::vector<ActiveFault*> Concerning(const ActiveFaults& faults, bool to_client, int64_t now_nanos) const;
  void ServePipe(Pipe* pipe, bool to_client, const ActiveFaults& faults, int64_t now_nanos);
  void Receive(Pipe* pipe, bool to_client, const std::vector<ActiveFault*>& faults, int64_t now_nanos);
  void PassCommand(absl::string_view message, const std::vector<ActiveFault*>& faults, int64_t now_nanos);
  void PassReply(absl::string_view message, const std::vector<ActiveFault*>& faults, int64_t now_nanos);
  void Send(Pipe* pipe, const ActiveFault* trickle, int64_t now_nanos);
  bool ServeHeld(int64_t now_nanos);
  void WakeAt(int64_t nanos);

  const int worker_;
  ConnectionRole role_ = ConnectionRole::kData;
  Pipe to_server_;
  Pipe to_client_;
  std::deque<Request> requests_;  // Without a reply yet, on a data connection.
  int64_t next_due_nanos_ = INT64_MAX;
  bool ready_ = true;
  bool over_ = false;

  // Of HoldCommands; 0: it was not asked for.
  int64_t hold_cut_nanos_ = 0;
  int64_t hold_deliver_nanos_ = 0;
  FaultTally hold_tally_;
};

}  // namespace nearcache::bench::torture

#endif  // BENCH_COHERENCE_TORTURE_PROXY_CONNECTION_H_
