// A proxy in front of a real server that answers chosen commands itself: whatever a server can say at the wrong moment,
// said by an otherwise honest one.
//
// It listens on a unix socket. Each connection has a thread, and a connection of its own to the server; commands are
// passed on one by one, in order, so that an answer of the proxy takes exactly the place of the server's.

#ifndef NEARCACHE_TESTS_SUPPORT_RESP_PROXY_H_
#define NEARCACHE_TESTS_SUPPORT_RESP_PROXY_H_

#include <functional>
#include <string>
#include <thread>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "absl/types/optional.h"

namespace nearcache::testing {

class RespProxy {
 public:
  using Command = std::vector<std::string>;
  // What to answer instead of the server, or nullopt to ask it. Called on the connections' threads, one at a time.
  using Hook = std::function<absl::optional<std::string>(const Command& command)>;

  // `folder` holds the proxy's socket; `server` is the path of the server's.
  RespProxy(const std::string& folder, std::string server);
  ~RespProxy();

  RespProxy(const RespProxy&) = delete;
  RespProxy& operator=(const RespProxy&) = delete;

  const std::string& socket_path() const { return path_; }

  // Null: everything is passed on.
  void SetHook(Hook hook);

  // Sends bytes to every client that has subscribed to something, as if the server had.
  void SendToSubscribers(absl::string_view bytes);

  // Where connections lead that are accepted from now on.
  void SetServer(const std::string& server);

  // Connections that were accepted so far.
  int connections();

 private:
  struct Connection {
    int client = -1;
    int server = -1;
    bool subscribed = false;
  };

  void AcceptAll();
  void Serve(Connection connection);
  // False if either side is gone.
  bool Handle(Connection* connection, absl::string_view frame);
  bool RelayOneReply(const Connection& connection);
  bool Relay(const Connection& connection);
  // Nothing comes in the middle of what SendToSubscribers sends.
  bool SendToClient(const Connection& connection, absl::string_view bytes);

  const std::string path_;
  int listener_ = -1;
  int stop_[2] = {-1, -1};  // A pipe; its end is closed to stop all threads.
  std::thread acceptor_;
  absl::Mutex mutex_;
  std::string server_ ABSL_GUARDED_BY(mutex_);
  Hook hook_ ABSL_GUARDED_BY(mutex_);
  std::vector<int> subscribers_ ABSL_GUARDED_BY(mutex_);
  std::vector<std::thread> threads_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace nearcache::testing

#endif  // NEARCACHE_TESTS_SUPPORT_RESP_PROXY_H_
