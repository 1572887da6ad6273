// A few commands to the server over its unix socket, without the library: those who use it test the library, so what it
// does to the server must not depend on it. Blocking, single-threaded; speaks RESP2.

#ifndef BENCH_PROCESSES_RESP_CLIENT_H_
#define BENCH_PROCESSES_RESP_CLIENT_H_

#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"

namespace nearcache::bench {

class RespClient {
 public:
  // kUnavailable: nobody listens there. kInvalidArgument: the path is too long for a unix socket.
  static absl::StatusOr<std::unique_ptr<RespClient>> Connect(const std::string& socket_path, absl::Duration timeout);

  ~RespClient();
  RespClient(const RespClient&) = delete;
  RespClient& operator=(const RespClient&) = delete;

  // The text of a simple, bulk or integer reply. kInternal: an error reply, or one of another type. kUnavailable: the
  // connection is lost or the server did not answer in time.
  absl::StatusOr<std::string> Command(const std::vector<absl::string_view>& arguments);

  // Sends without waiting: for commands during which the server does not answer. Nothing else may be asked of this
  // connection before ReceiveReply.
  absl::Status Post(const std::vector<absl::string_view>& arguments);
  absl::StatusOr<std::string> ReceiveReply();

 private:
  explicit RespClient(int descriptor) : descriptor_(descriptor) {}

  absl::Status Send(absl::string_view bytes);
  absl::Status ReceiveAtLeast(size_t bytes);
  absl::StatusOr<std::string> ReceiveLine();

  const int descriptor_;
  std::string received_;
};

}  // namespace nearcache::bench

#endif  // BENCH_PROCESSES_RESP_CLIENT_H_
