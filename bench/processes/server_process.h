// A private Redis or Valkey server for one run: on a unix socket in a folder of its own, no port, nothing on disk.

#ifndef BENCH_PROCESSES_SERVER_PROCESS_H_
#define BENCH_PROCESSES_SERVER_PROCESS_H_

#include <memory>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "bench/processes/child_process.h"

namespace nearcache::bench {

// Where the server program is. `wanted`: a path, "redis", "valkey", or empty for whichever is on PATH, Redis first.
// kNotFound: it is not there.
absl::StatusOr<std::string> FindServer(absl::string_view wanted);

class ServerProcess {
 public:
  // Starts `program` in `folder` and waits until it answers. kUnavailable: it does not, with the end of its log.
  static absl::StatusOr<std::unique_ptr<ServerProcess>> Start(std::string program, std::string folder);

  const std::string& socket_path() const { return socket_path_; }

  // "Redis 8.0.6", "Valkey 9.1.2".
  const std::string& name() const { return name_; }

  // Closes every connection of the given type ("normal", "pubsub"); returns how many there were.
  absl::StatusOr<int> CutConnections(absl::string_view type);

  // Kills the server as a crash would, and starts it again, empty, without waiting for it.
  absl::Status KillAndRestart();

  bool Running() { return child_ != nullptr && child_->Running(); }

 private:
  ServerProcess(std::string program, std::string folder)
      : program_(std::move(program)), folder_(std::move(folder)), socket_path_(folder_ + "/server.sock") {}

  absl::Status Launch();
  absl::Status WaitUntilItAnswers(absl::Duration timeout);
  absl::Status ReadName();
  std::string LogTail() const;

  const std::string program_;
  const std::string folder_;
  const std::string socket_path_;
  std::string name_;
  std::unique_ptr<ChildProcess> child_;
};

}  // namespace nearcache::bench

#endif  // BENCH_PROCESSES_SERVER_PROCESS_H_
