#include "bench/coherence_torture/proxy_connection.h"

#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/string_view.h"
#include "bench/coherence_torture/message_shaper.h"
#include "bench/coherence_torture/proxy_fault.h"
#include "bench/coherence_torture/resp_splitter.h"
#include "bench/support/clock.h"

namespace nearcache::bench::torture {
namespace {

constexpr size_t kReceiveBytes = 64 << 10;

// Above it nothing more is read until the other side has taken some: what piles up then piles up at the sender, as it
// would without a proxy.
constexpr size_t kQueuedBytesMax = 1 << 20;

// How long the server is given to execute what was delivered to it after the cut.
constexpr int64_t kDeliverNanos = 300 * kNanosPerMilli;

bool WouldBlock() { return errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR; }

}  // namespace

ProxyConnection::ProxyConnection(int worker, int client, int server, uint64_t seed)
    : worker_(worker), to_server_(client, server, seed), to_client_(server, client, seed + 1) {}

ProxyConnection::~ProxyConnection() {
  if (to_client_.out >= 0) close(to_client_.out);
  close(to_server_.out);
}

bool ProxyConnection::Serve(const ActiveFaults& faults, int64_t now_nanos) {
  if (over_) return false;
  next_due_nanos_ = INT64_MAX;
  if (hold_cut_nanos_ != 0) return ServeHeld(now_nanos) && !over_;
  ServePipe(&to_server_, /*to_client=*/false, faults, now_nanos);
  ServePipe(&to_client_, /*to_client=*/true, faults, now_nanos);
  // What was read before the end still arrives.
  if (to_server_.ended && to_server_.queue.empty()) over_ = true;
  if (to_client_.ended && to_client_.queue.empty()) over_ = true;
  return !over_;
}

void ProxyConnection::HoldCommands(int64_t cut_nanos, int64_t deliver_nanos, FaultTally tally) {
  if (hold_cut_nanos_ != 0) return;
  hold_cut_nanos_ = cut_nanos;
  hold_deliver_nanos_ = deliver_nanos;
  hold_tally_ = std::move(tally);
}

// The worker's commands pile up; later they are written to the server, whose replies nobody reads.
bool ProxyConnection::ServeHeld(int64_t now_nanos) {
  if (to_client_.out >= 0) {
    Receive(&to_server_, /*to_client=*/false, {}, now_nanos);
    WakeAt(hold_cut_nanos_);
    if (now_nanos < hold_cut_nanos_) return true;
    close(to_client_.out);
    to_client_.out = to_server_.in = -1;
    to_server_.reads = to_client_.reads = false;
    if (to_server_.queue.empty()) return false;
    hold_tally_->fetch_add(1, std::memory_order_relaxed);
  }
  WakeAt(now_nanos < hold_deliver_nanos_ ? hold_deliver_nanos_ : hold_deliver_nanos_ + kDeliverNanos);
  if (now_nanos >= hold_deliver_nanos_) Send(&to_server_, nullptr, now_nanos);
  return now_nanos < hold_deliver_nanos_ + kDeliverNanos;
}

std::vector<ActiveFault*> ProxyConnection::Concerning(const ActiveFaults& faults, bool to_client,
                                                      int64_t now_nanos) const {
  std::vector<ActiveFault*> concerning;
  for (const auto& fault : faults) {
    if (fault->Concerns(worker_, role_, to_client, now_nanos)) concerning.push_back(fault.get());
  }
  return concerning;
}

void ProxyConnection::ServePipe(Pipe* pipe, bool to_client, const ActiveFaults& faults, int64_t now_nanos) {
  const std::vector<ActiveFault*> concerning = Concerning(faults, to_client, now_nanos);
  const ActiveFault* trickle = nullptr;
  for (ActiveFault* fault : concerning) {
    if (fault->fault.action == FaultAction::kSilence) {
      pipe->reads = pipe->blocked = false;
      WakeAt(fault->until_nanos);
      return;
    }
    if (fault->fault.action == FaultAction::kTrickle) trickle = fault;
  }
  pipe->reads = pipe->queued_bytes < kQueuedBytesMax && !pipe->ended;
  if (pipe->reads) Receive(pipe, to_client, concerning, now_nanos);
  pipe->shaper.Tick(now_nanos, &pipe->queue);
  if (pipe->shaper.held_until_nanos() != 0) WakeAt(pipe->shaper.held_until_nanos());
  Send(pipe, trickle, now_nanos);
}

void ProxyConnection::Receive(Pipe* pipe, bool to_client, const std::vector<ActiveFault*>& faults, int64_t now_nanos) {
  char buffer[kReceiveBytes];
  const ssize_t count = recv(pipe->in, buffer, sizeof(buffer), MSG_DONTWAIT);
  if (count < 0 && WouldBlock()) return;
  if (count <= 0) {
    pipe->ended = true;
    pipe->reads = false;
    return;
  }
  pipe->splitter.Append(absl::string_view(buffer, static_cast<size_t>(count)));
  absl::string_view message;
  while (pipe->splitter.Next(&message)) {
    to_client ? PassReply(message, faults, now_nanos) : PassCommand(message, faults, now_nanos);
  }
  pipe->queued_bytes = 0;
  for (const Parcel& parcel : pipe->queue) pipe->queued_bytes += parcel.bytes.size();
}

void ProxyConnection::PassCommand(absl::string_view message, const std::vector<ActiveFault*>& faults,
                                  int64_t now_nanos) {
  const RespCommand command = ReadCommand(message);
  if (absl::EqualsIgnoreCase(command.name, "SUBSCRIBE") || absl::EqualsIgnoreCase(command.name, "SSUBSCRIBE")) {
    role_ = ConnectionRole::kChannel;
    requests_.clear();
  }
  if (role_ == ConnectionRole::kData) {
    const bool is_get = absl::EqualsIgnoreCase(command.name, "GET");
    requests_.push_back({is_get, is_get ? std::string(command.first_argument) : ""});
  }
  to_server_.shaper.Pass({message, false, {}}, faults, now_nanos, &to_server_.queue);
}

void ProxyConnection::PassReply(absl::string_view message, const std::vector<ActiveFault*>& faults, int64_t now_nanos) {
  Request request = {false, ""};
  const bool is_reply = role_ == ConnectionRole::kData && message[0] != '>';
  if (is_reply && !requests_.empty()) {
    request = std::move(requests_.front());
    requests_.pop_front();
  }
  const ShapedMessage shaped = {message, IsPublished(message), request.key};
  to_client_.shaper.Pass(shaped, faults, now_nanos, &to_client_.queue);
}

void ProxyConnection::Send(Pipe* pipe, const ActiveFault* trickle, int64_t now_nanos) {
  pipe->blocked = false;
  size_t allowance = trickle == nullptr ? SIZE_MAX : static_cast<size_t>(trickle->fault.bytes_per_milli);
  if (trickle != nullptr && !pipe->queue.empty()) trickle->happened->fetch_add(1, std::memory_order_relaxed);
  while (!pipe->queue.empty()) {
    Parcel& first = pipe->queue.front();
    if (first.due_nanos > now_nanos) return WakeAt(first.due_nanos);
    if (allowance == 0) return WakeAt(now_nanos + kNanosPerMilli);
    const size_t wanted = std::min(first.bytes.size() - pipe->written, allowance);
    const ssize_t count = send(pipe->out, first.bytes.data() + pipe->written, wanted, MSG_DONTWAIT | MSG_NOSIGNAL);
    if (count < 0) {
      pipe->blocked = WouldBlock();
      if (!pipe->blocked) over_ = true;
      return;
    }
    const size_t sent = static_cast<size_t>(count);
    pipe->written += sent;
    pipe->queued_bytes -= std::min(pipe->queued_bytes, sent);
    if (allowance != SIZE_MAX) allowance -= sent;
    if (pipe->written < first.bytes.size()) continue;
    if (first.cut) {
      over_ = true;
      return;
    }
    pipe->queue.pop_front();
    pipe->written = 0;
  }
}

void ProxyConnection::WakeAt(int64_t nanos) { next_due_nanos_ = std::min(next_due_nanos_, nanos); }

}  // namespace nearcache::bench::torture
