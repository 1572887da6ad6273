// A private Redis or Valkey server for one run: on a unix socket in a folder of its own, with nothing on disk unless it
// is told to save a snapshot, and without a port unless one is asked for.

#ifndef BENCH_PROCESSES_SERVER_PROCESS_H_
#define BENCH_PROCESSES_SERVER_PROCESS_H_

#include <sys/types.h>

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "bench/processes/child_process.h"

namespace nearcache::bench {

// Where the server program is. `wanted`: a path, "redis", "valkey", or empty for whichever is on PATH, Redis first.
// kNotFound: it is not there.
absl::StatusOr<std::string> FindServer(absl::string_view wanted);

struct ServerOptions {
  // Of its files in the folder, in case that several servers share it.
  std::string name = "server";
  // Of the loopback interface; 0: the unix socket is the only way in.
  int port = 0;
  // As in its configuration. The default keeps a whole run below 1.5 GiB; keys beyond it are evicted, which is a miss.
  std::string memory_max = "700mb";
  // More of the configuration, as on its command line: {"--io-threads", "2"}.
  std::vector<std::string> arguments;
};

class ServerProcess {
 public:
  // Starts `program` in `folder` and waits until it answers. kUnavailable: it does not, with the end of its log.
  static absl::StatusOr<std::unique_ptr<ServerProcess>> Start(std::string program, std::string folder,
                                                              ServerOptions options = {});

  const std::string& socket_path() const { return socket_path_; }

  // "Redis 8.0.6", "Valkey 9.1.2".
  const std::string& name() const { return name_; }

  // Closes every connection of the given type ("normal", "pubsub"); returns how many there were.
  absl::StatusOr<int> CutConnections(absl::string_view type);

  // One command on a connection of its own; errors as RespClient::Command.
  absl::StatusOr<std::string> Command(const std::vector<absl::string_view>& arguments);

  // Kills the server as a crash would, and starts it again, empty, without waiting for it.
  absl::Status KillAndRestart();

  // The same, but it begins with the snapshot that its last SAVE wrote, if there was one since it was started empty.
  absl::Status KillAndRestore();

  // Starts another server with the same options in the same folder, under another `name`, and waits until it answers.
  // It begins with the snapshot that the last SAVE of this one wrote, which is taken from it; this one goes on.
  absl::StatusOr<std::unique_ptr<ServerProcess>> StartSuccessor(std::string name);

  // kUnavailable: it does not answer in time.
  absl::Status WaitUntilItAnswers(absl::Duration timeout);

  void Signal(int signal) { child_->Signal(signal); }
  pid_t pid() const { return child_->pid(); }
  bool Running() { return child_ != nullptr && child_->Running(); }

 private:
  ServerProcess(std::string program, std::string folder, ServerOptions options)
      : program_(std::move(program)),
        folder_(std::move(folder)),
        options_(std::move(options)),
        socket_path_(folder_ + "/" + options_.name + ".sock") {}

  std::string SnapshotName() const { return options_.name + ".rdb"; }
  std::string SnapshotPath() const { return folder_ + "/" + SnapshotName(); }
  absl::Status Launch();
  absl::Status ReadName();
  std::string LogTail() const;

  const std::string program_;
  const std::string folder_;
  const ServerOptions options_;
  const std::string socket_path_;
  std::string name_;
  std::unique_ptr<ChildProcess> child_;
};

}  // namespace nearcache::bench

#endif  // BENCH_PROCESSES_SERVER_PROCESS_H_
