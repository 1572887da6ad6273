#include "bench/coherence_torture/fault_proxy.h"

#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstdint>
#include <cstring>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/memory/memory.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/synchronization/mutex.h"
#include "bench/coherence_torture/proxy_connection.h"
#include "bench/coherence_torture/proxy_fault.h"
#include "bench/support/clock.h"

namespace nearcache::bench::torture {
namespace {

constexpr int kBacklog = 256;
constexpr int64_t kWaitMaxNanos = 100 * kNanosPerMilli;

bool FillAddress(const std::string& path, sockaddr_un* address) {
  *address = {};
  address->sun_family = AF_UNIX;
  if (path.size() >= sizeof(address->sun_path)) return false;
  std::memcpy(address->sun_path, path.data(), path.size());
  return true;
}

int ConnectTo(const std::string& path) {
  sockaddr_un address;
  if (!FillAddress(path, &address)) return -1;
  const int descriptor = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (descriptor < 0) return -1;
  if (connect(descriptor, reinterpret_cast<const sockaddr*>(&address), sizeof(address)) == 0) return descriptor;
  close(descriptor);
  return -1;
}

}  // namespace

absl::StatusOr<std::unique_ptr<FaultProxy>> FaultProxy::Start(const std::string& folder, int worker_count,
                                                              std::string server_path, uint64_t seed) {
  auto proxy = absl::WrapUnique(new FaultProxy(folder, std::move(server_path), seed));
  if (const absl::Status listening = proxy->Listen(worker_count); !listening.ok()) return listening;
  proxy->thread_ = std::thread([raw = proxy.get()] { raw->Run(); });
  return proxy;
}

FaultProxy::~FaultProxy() {
  stopping_.store(true);
  if (thread_.joinable()) {
    Wake();
    thread_.join();
  }
  connections_.clear();
  for (const Listener& listener : listeners_) {
    close(listener.descriptor);
    unlink(SocketPath(folder_, listener.worker).c_str());
  }
  if (wake_ >= 0) close(wake_);
}

std::string FaultProxy::SocketPath(const std::string& folder, int worker) {
  return absl::StrCat(folder, "/proxy-", worker, ".sock");
}

absl::Status FaultProxy::Listen(int worker_count) {
  wake_ = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  if (wake_ < 0) return absl::ErrnoToStatus(errno, "eventfd");
  for (int worker = 0; worker < worker_count; ++worker) {
    sockaddr_un address;
    if (!FillAddress(SocketPath(folder_, worker), &address)) return absl::InvalidArgumentError("TMPDIR is too long");
    const int descriptor = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (descriptor < 0) return absl::ErrnoToStatus(errno, "socket");
    listeners_.push_back({descriptor, worker});
    if (bind(descriptor, reinterpret_cast<const sockaddr*>(&address), sizeof(address)) != 0 ||
        listen(descriptor, kBacklog) != 0) {
      return absl::ErrnoToStatus(errno, "cannot listen for the workers");
    }
  }
  return absl::OkStatus();
}

FaultTally FaultProxy::Begin(const ProxyFault& fault) {
  auto active = std::make_unique<ActiveFault>();
  active->fault = fault;
  active->messages_left = fault.messages;
  active->happened = std::make_shared<std::atomic<int>>(0);
  FaultTally tally = active->happened;
  {
    absl::MutexLock lock(&mutex_);
    orders_.push_back(std::move(active));
  }
  Wake();
  return tally;
}

void FaultProxy::SetServer(std::string server_path) {
  absl::MutexLock lock(&mutex_);
  server_path_ = std::move(server_path);
}

void FaultProxy::Wake() {
  const uint64_t one = 1;
  const ssize_t written = write(wake_, &one, sizeof(one));
  static_cast<void>(written);
}

void FaultProxy::Run() {
  while (!stopping_.load()) {
    const int64_t now_nanos = NowNanos();
    TakeOrders(now_nanos);
    EndFaults(now_nanos);
    Wait(ServeReady(now_nanos));
  }
}

// Serves whom something came for, or whose time has come; everybody when the faults are other ones than before.
int64_t FaultProxy::ServeReady(int64_t now_nanos) {
  int64_t due_nanos = now_nanos + kWaitMaxNanos;
  const bool everybody = std::exchange(faults_changed_, false);
  for (std::unique_ptr<ProxyConnection>& connection : connections_) {
    const bool ready = everybody || connection->TakeReady() || connection->next_due_nanos() <= now_nanos;
    if (!ready || connection->Serve(faults_, now_nanos)) {
      due_nanos = std::min(due_nanos, connection->next_due_nanos());
    } else {
      connection.reset();
    }
  }
  connections_.erase(std::remove(connections_.begin(), connections_.end(), nullptr), connections_.end());
  for (const auto& fault : faults_) due_nanos = std::min(due_nanos, fault->until_nanos);
  return due_nanos;
}

void FaultProxy::Wait(int64_t until_nanos) {
  std::vector<pollfd> polled = {{wake_, POLLIN, 0}};
  for (const Listener& listener : listeners_) polled.push_back({listener.descriptor, POLLIN, 0});
  for (const auto& connection : connections_) {
    for (const bool client : {true, false}) {
      const int events =
          (connection->wants_read(client) ? POLLIN : 0) | (connection->wants_write(client) ? POLLOUT : 0);
      // A negative descriptor is passed over, where a hang-up would be told again and again.
      const int descriptor = events == 0 ? -1 : connection->descriptor(client);
      polled.push_back({descriptor, static_cast<short>(events), 0});
    }
  }
  const int64_t wait_nanos = std::max<int64_t>(0, until_nanos - NowNanos());
  const timespec timeout = {wait_nanos / kNanosPerSecond, wait_nanos % kNanosPerSecond};
  if (ppoll(polled.data(), polled.size(), &timeout, nullptr) <= 0) return;
  uint64_t ignored = 0;
  if (polled[0].revents != 0 && read(wake_, &ignored, sizeof(ignored)) < 0) return;
  const size_t first = 1 + listeners_.size();
  for (size_t i = 0; i < connections_.size(); ++i) {
    if (polled[first + 2 * i].revents != 0 || polled[first + 2 * i + 1].revents != 0) connections_[i]->SetReady();
  }
  for (size_t i = 0; i < listeners_.size(); ++i) {
    if (polled[i + 1].revents != 0) Accept(listeners_[i]);
  }
}

void FaultProxy::Accept(const Listener& listener) {
  const int client = accept4(listener.descriptor, nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK);
  if (client < 0) return;
  std::string path;
  {
    absl::MutexLock lock(&mutex_);
    path = server_path_;
  }
  const int server = ConnectTo(path);
  if (server < 0) {
    close(client);
    return;
  }
  seed_ += 2;
  connections_.push_back(std::make_unique<ProxyConnection>(listener.worker, client, server, seed_));
}

void FaultProxy::TakeOrders(int64_t now_nanos) {
  std::vector<std::unique_ptr<ActiveFault>> orders;
  {
    absl::MutexLock lock(&mutex_);
    orders.swap(orders_);
  }
  for (std::unique_ptr<ActiveFault>& order : orders) BeginNow(std::move(order), now_nanos);
}

void FaultProxy::BeginNow(std::unique_ptr<ActiveFault> fault, int64_t now_nanos) {
  const ProxyFault& order = fault->fault;
  // A moment is too short for a comparison with the same moment.
  fault->until_nanos = now_nanos + std::max<int64_t>(order.duration_nanos, 1);
  for (const auto& connection : connections_) {
    const bool concerned = fault->Concerns(connection->worker(), connection->role(), /*to_client=*/true, now_nanos) ||
                           fault->Concerns(connection->worker(), connection->role(), /*to_client=*/false, now_nanos);
    if (!concerned) continue;
    if (order.action == FaultAction::kCut) connection->Cut();
    if (order.action == FaultAction::kHoldCommands) {
      connection->HoldCommands(fault->until_nanos, fault->until_nanos + order.delay_nanos, fault->happened);
    }
    if (order.action == FaultAction::kCut || order.action == FaultAction::kSilence) ++*fault->happened;
  }
  faults_.push_back(std::move(fault));
  faults_changed_ = true;
}

void FaultProxy::EndFaults(int64_t now_nanos) {
  for (std::unique_ptr<ActiveFault>& fault : faults_) {
    if (now_nanos < fault->until_nanos) continue;
    if (fault->fault.cut_at_end) {
      // As it was a moment before its end.
      for (const auto& connection : connections_) {
        const int64_t before_nanos = fault->until_nanos - 1;
        const bool concerned = fault->Concerns(connection->worker(), connection->role(), true, before_nanos) ||
                               fault->Concerns(connection->worker(), connection->role(), false, before_nanos);
        if (concerned) connection->Cut();
      }
    }
    fault.reset();
    faults_changed_ = true;
  }
  faults_.erase(std::remove(faults_.begin(), faults_.end(), nullptr), faults_.end());
}

}  // namespace nearcache::bench::torture
