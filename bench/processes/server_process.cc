#include "bench/processes/server_process.h"

#include <signal.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/memory/memory.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/string_view.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "bench/processes/child_process.h"
#include "bench/processes/resp_client.h"

namespace nearcache::bench {
namespace {

constexpr absl::Duration kStartTimeout = absl::Seconds(15);
constexpr absl::Duration kCommandTimeout = absl::Seconds(2);
constexpr absl::Duration kPollInterval = absl::Milliseconds(20);

absl::StatusOr<std::string> FindOnPath(absl::string_view program) {
  const char* path = std::getenv("PATH");
  for (const absl::string_view folder : absl::StrSplit(path == nullptr ? "" : path, ':')) {
    std::string candidate = absl::StrCat(folder, "/", program);
    if (access(candidate.c_str(), X_OK) == 0) return candidate;
  }
  return absl::NotFoundError(absl::StrCat("there is no ", program, " on PATH"));
}

// The value of `field` in the text of INFO, or nothing.
std::string InfoField(absl::string_view info, absl::string_view field) {
  for (const absl::string_view line : absl::StrSplit(info, "\r\n")) {
    const std::vector<absl::string_view> parts = absl::StrSplit(line, absl::MaxSplits(':', 1));
    if (parts.size() == 2 && parts[0] == field) return std::string(parts[1]);
  }
  return "";
}

}  // namespace

absl::StatusOr<std::string> FindServer(absl::string_view wanted) {
  if (wanted == "redis" || wanted == "valkey") return FindOnPath(absl::StrCat(wanted, "-server"));
  if (wanted.empty()) {
    for (const absl::string_view program : {"redis-server", "valkey-server"}) {
      if (absl::StatusOr<std::string> found = FindOnPath(program); found.ok()) return found;
    }
    return absl::NotFoundError("there is no redis-server and no valkey-server on PATH");
  }
  std::string path(wanted);
  if (access(path.c_str(), X_OK) == 0) return path;
  return absl::NotFoundError(absl::StrCat("--server: cannot run ", path));
}

absl::StatusOr<std::unique_ptr<ServerProcess>> ServerProcess::Start(std::string program, std::string folder,
                                                                    ServerOptions options) {
  auto server = absl::WrapUnique(new ServerProcess(std::move(program), std::move(folder), std::move(options)));
  if (const absl::Status status = server->Launch(); !status.ok()) return status;
  if (const absl::Status status = server->WaitUntilItAnswers(kStartTimeout); !status.ok()) return status;
  if (const absl::Status status = server->ReadName(); !status.ok()) return status;
  return server;
}

absl::Status ServerProcess::Launch() {
  unlink(socket_path_.c_str());
  std::vector<std::string> arguments = {program_,
                                        "--port",
                                        absl::StrCat(options_.port),
                                        "--bind",
                                        "127.0.0.1",
                                        "--unixsocket",
                                        socket_path_,
                                        "--unixsocketperm",
                                        "700",
                                        "--save",
                                        "",
                                        "--appendonly",
                                        "no",
                                        "--daemonize",
                                        "no",
                                        "--dir",
                                        folder_,
                                        "--dbfilename",
                                        SnapshotName(),
                                        "--logfile",
                                        absl::StrCat(folder_, "/", options_.name, ".log"),
                                        "--maxmemory",
                                        options_.memory_max,
                                        "--maxmemory-policy",
                                        "allkeys-lru"};
  arguments.insert(arguments.end(), options_.arguments.begin(), options_.arguments.end());
  absl::StatusOr<std::unique_ptr<ChildProcess>> child =
      ChildProcess::Start(arguments, /*inherited_descriptor=*/-1, /*quiet=*/true);
  if (!child.ok()) return child.status();
  child_ = *std::move(child);
  return absl::OkStatus();
}

absl::Status ServerProcess::WaitUntilItAnswers(absl::Duration timeout) {
  const absl::Time deadline = absl::Now() + timeout;
  while (child_->Running() && absl::Now() < deadline) {
    absl::StatusOr<std::unique_ptr<RespClient>> client = RespClient::Connect(socket_path_, kCommandTimeout);
    if (absl::IsInvalidArgument(client.status())) return client.status();
    if (client.ok() && (*client)->Command({"PING"}).ok()) return absl::OkStatus();
    absl::SleepFor(kPollInterval);
  }
  return absl::UnavailableError(absl::StrCat(program_, " does not answer. ", LogTail()));
}

absl::Status ServerProcess::ReadName() {
  const absl::StatusOr<std::string> info = Command({"INFO", "server"});
  if (!info.ok()) return info.status();
  const std::string valkey = InfoField(*info, "valkey_version");
  name_ = valkey.empty() ? absl::StrCat("Redis ", InfoField(*info, "redis_version")) : absl::StrCat("Valkey ", valkey);
  return absl::OkStatus();
}

absl::StatusOr<std::string> ServerProcess::Command(const std::vector<absl::string_view>& arguments) {
  absl::StatusOr<std::unique_ptr<RespClient>> client = RespClient::Connect(socket_path_, kCommandTimeout);
  if (!client.ok()) return client.status();
  return (*client)->Command(arguments);
}

absl::StatusOr<int> ServerProcess::CutConnections(absl::string_view type) {
  const absl::StatusOr<std::string> cut = Command({"CLIENT", "KILL", "TYPE", type, "SKIPME", "yes"});
  if (!cut.ok()) return cut.status();
  int count = 0;
  if (!absl::SimpleAtoi(*cut, &count)) return absl::InternalError(*cut);
  return count;
}

absl::Status ServerProcess::KillAndRestart() {
  unlink(SnapshotPath().c_str());
  return KillAndRestore();
}

absl::StatusOr<std::unique_ptr<ServerProcess>> ServerProcess::StartSuccessor(std::string name) {
  ServerOptions options = options_;
  options.name = std::move(name);
  const std::string snapshot = absl::StrCat(folder_, "/", options.name, ".rdb");
  if (std::rename(SnapshotPath().c_str(), snapshot.c_str()) != 0) return absl::ErrnoToStatus(errno, "no snapshot");
  return Start(program_, folder_, std::move(options));
}

absl::Status ServerProcess::KillAndRestore() {
  child_->Signal(SIGKILL);
  child_->WaitForEnd(kStartTimeout);
  return Launch();
}

std::string ServerProcess::LogTail() const {
  std::ifstream file(absl::StrCat(folder_, "/", options_.name, ".log"));
  const std::string log((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
  if (log.empty()) return "Its log is empty.";
  return absl::StrCat("The end of its log:\n", log.substr(log.size() > 1000 ? log.size() - 1000 : 0));
}

}  // namespace nearcache::bench
