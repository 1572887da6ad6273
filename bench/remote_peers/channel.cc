#include "bench/remote_peers/channel.h"

#include <pthread.h>
#include <sys/prctl.h>
#include <time.h>

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <cstring>
#include <memory>
#include <string>
#include <thread>
#include <utility>

#include "absl/status/status.h"
#include "absl/synchronization/notification.h"
#include "absl/time/clock.h"
#include "bench/remote_peers/usage.h"
#include "bench/support/clock.h"
#include "bench/support/histogram.h"
#include "hiredis/hiredis.h"
#include "nearcache/internal/remote/address.h"
#include "nearcache/internal/remote/engine.h"

namespace nearcache::remote_peers {
namespace {

using bench::NowNanos;
using internal::remote::Address;
using internal::remote::Engine;
using internal::remote::EngineEvents;
using internal::remote::EngineOptions;
using internal::remote::LinkRole;
using internal::remote::ServerIdentity;

constexpr char kChannel[] = "peers:channel";
constexpr char kName[] = "channel";
constexpr size_t kMessageBytes = 40;
constexpr size_t kValueBytes = 500;
constexpr int kFloodDepth = 64;
// On a machine that is busy with other things an answer may take seconds; that is no reason to give the server up.
constexpr absl::Duration kPatience = absl::Seconds(30);
constexpr absl::Duration kPollInterval = absl::Milliseconds(1);

// The time of sending, and bytes to make the size up.
std::string MessageOf(int64_t nanos) {
  std::string message(kMessageBytes, 'm');
  std::memcpy(message.data(), &nanos, sizeof(nanos));
  return message;
}

// Counts what is handled, on the subscriber's thread; asked on another. The first message tells whose thread it is.
class Handler {
 public:
  void Handle(absl::string_view message) {
    if (handled_.load(std::memory_order_relaxed) == 0) pthread_getcpuclockid(pthread_self(), &clock_);
    int64_t sent_at = 0;
    if (message.size() == kMessageBytes) std::memcpy(&sent_at, message.data(), sizeof(sent_at));
    if (timing_.load(std::memory_order_relaxed)) latency_.Record(NowNanos() - sent_at);
    handled_.fetch_add(1, std::memory_order_release);
  }

  void BeginTiming() { timing_.store(true); }
  uint64_t handled() const { return handled_.load(std::memory_order_acquire); }
  // False: they did not come.
  bool AwaitHandled(uint64_t count) const {
    const absl::Time deadline = absl::Now() + kPatience;
    while (handled() < count && absl::Now() < deadline) absl::SleepFor(kPollInterval);
    return handled() >= count;
  }
  // REQUIRES: something was handled
  int64_t CpuNanos() const { return bench::NanosOf(clock_); }
  // REQUIRES: nothing is on its way
  const bench::HistogramSnapshot& latency() const { return latency_; }

 private:
  std::atomic<uint64_t> handled_{0};
  std::atomic<bool> timing_{false};
  clockid_t clock_ = CLOCK_MONOTONIC;
  bench::HistogramSnapshot latency_;
};

class EngineSubscriber final : private EngineEvents {
 public:
  EngineSubscriber(const Target& target, Handler* handler) : handler_(*handler) {
    EngineOptions options;
    options.address = Address::Tcp(target.host, static_cast<uint16_t>(target.port));
    options.channels = {kChannel};
    options.connect_timeout = kPatience;
    options.health_timeout = kPatience;
    auto engine = Engine::Create(std::move(options), this);
    if (!engine.ok()) Die(kName, engine.status().ToString());
    engine_ = *std::move(engine);
    if (const absl::Status started = engine_->Start(); !started.ok()) Die(kName, started.ToString());
    subscribed_.WaitForNotification();
  }

 private:
  void OnReady(LinkRole role, const ServerIdentity& /*identity*/) override {
    if (role == LinkRole::kChannel) subscribed_.Notify();
  }
  void OnDown(LinkRole /*role*/, const absl::Status& /*cause*/) override {}
  void OnMessage(absl::string_view /*channel*/, absl::string_view payload) override { handler_.Handle(payload); }

  Handler& handler_;
  absl::Notification subscribed_;
  std::unique_ptr<Engine> engine_;
};

redisContext* Connect(const Target& target) {
  redisContext* const context = redisConnect(target.host.c_str(), target.port);
  if (context == nullptr || context->err != 0) Die(kName, "no connection");
  return context;
}

// Throws the reply away.
void AwaitReply(redisContext* context) {
  void* reply = nullptr;
  if (redisGetReply(context, &reply) != REDIS_OK) Die(kName, context->errstr);
  freeReplyObject(reply);
}

class HiredisSubscriber {
 public:
  HiredisSubscriber(const Target& target, Handler* handler) : handler_(*handler), context_(Connect(target)) {
    redisAppendCommand(context_, "SUBSCRIBE %s", kChannel);
    AwaitReply(context_);
    thread_ = std::thread([this] { Run(); });
  }
  // A last message makes the thread look up; it is not counted any more.
  void Stop(redisContext* publisher) {
    stop_.store(true);
    redisAppendCommand(publisher, "PUBLISH %s end", kChannel);
    AwaitReply(publisher);
    thread_.join();
    redisFree(context_);
  }

 private:
  void Run() {
    for (;;) {
      void* got = nullptr;
      if (redisGetReply(context_, &got) != REDIS_OK) Die(kName, context_->errstr);
      auto* const reply = static_cast<redisReply*>(got);
      if (stop_.load(std::memory_order_relaxed)) return freeReplyObject(reply);
      handler_.Handle(absl::string_view(reply->element[2]->str, reply->element[2]->len));
      freeReplyObject(reply);
    }
  }

  Handler& handler_;
  redisContext* const context_;
  std::atomic<bool> stop_{false};
  std::thread thread_;
};

// A subscriber, and a connection that publishes to it.
class Channel {
 public:
  Channel(const Target& target, Subscriber subscriber) : publisher_(Connect(target)) {
    if (subscriber == Subscriber::kEngineLink) {
      engine_ = std::make_unique<EngineSubscriber>(target, &handler_);
    } else {
      hiredis_ = std::make_unique<HiredisSubscriber>(target, &handler_);
    }
    Publish(1);
    if (!handler_.AwaitHandled(1)) Die(kName, "the first message is lost");
  }
  ~Channel() {
    if (hiredis_ != nullptr) hiredis_->Stop(publisher_);
    engine_.reset();
    redisFree(publisher_);
  }

  void Publish(int count) {
    for (int i = 0; i < count; ++i) AppendMessage();
    for (int i = 0; i < count; ++i) AwaitReply(publisher_);
  }

  void SetAndPublish() {
    redisAppendCommand(publisher_, "SET peers:lag %b PX 3600000", value_.data(), value_.size());
    AppendMessage();
    AwaitReply(publisher_);
    AwaitReply(publisher_);
  }

  Handler& handler() { return handler_; }

 private:
  void AppendMessage() {
    const std::string message = MessageOf(NowNanos());
    redisAppendCommand(publisher_, "PUBLISH %s %b", kChannel, message.data(), message.size());
  }

  const std::string value_ = std::string(kValueBytes, 'v');
  Handler handler_;
  redisContext* const publisher_;
  std::unique_ptr<EngineSubscriber> engine_;
  std::unique_ptr<HiredisSubscriber> hiredis_;
};

void SleepUntil(int64_t nanos) {
  timespec at;
  at.tv_sec = nanos / bench::kNanosPerSecond;
  at.tv_nsec = nanos % bench::kNanosPerSecond;
  clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &at, nullptr);
}

}  // namespace

Figures RunLag(const Target& target, pid_t server, Subscriber subscriber, int per_second, absl::Duration duration) {
  prctl(PR_SET_TIMERSLACK, 1);
  Channel channel(target, subscriber);
  Handler& handler = channel.handler();
  handler.BeginTiming();
  const int64_t interval = bench::kNanosPerSecond / per_second;
  const int64_t began_at = NowNanos();
  const int64_t end = began_at + absl::ToInt64Nanoseconds(duration);
  const Usage before = Usage::Now(server);
  uint64_t sent = 0;
  for (int64_t at = began_at; at < end; at += interval) {
    if (at > NowNanos()) SleepUntil(at);
    channel.SetAndPublish();
    ++sent;
  }
  const bool all = handler.AwaitHandled(sent + 1);
  const int64_t nanos = NowNanos() - began_at;
  const Usage usage = Usage::Now(server) - before;
  Figures figures;
  figures.wrong = all ? 0 : sent + 1 - handler.handled();
  const bench::HistogramSnapshot corrected = handler.latency().Corrected(interval);
  figures.per_second = static_cast<double>(sent) * 1e9 / static_cast<double>(nanos);
  figures.client_cpu_micros = static_cast<double>(usage.client_cpu_nanos) / 1e3 / static_cast<double>(sent);
  figures.server_cpu_micros = static_cast<double>(usage.server_cpu_nanos) / 1e3 / static_cast<double>(sent);
  figures.p50_micros = static_cast<double>(corrected.Percentile(0.5)) / 1e3;
  figures.p99_micros = static_cast<double>(corrected.Percentile(0.99)) / 1e3;
  figures.p999_micros = static_cast<double>(corrected.Percentile(0.999)) / 1e3;
  return figures;
}

Figures RunFlood(const Target& target, pid_t server, Subscriber subscriber, absl::Duration duration) {
  Channel channel(target, subscriber);
  Handler& handler = channel.handler();
  const int64_t cpu_before = handler.CpuNanos();
  const Usage before = Usage::Now(server);
  const int64_t began_at = NowNanos();
  const int64_t end = began_at + absl::ToInt64Nanoseconds(duration);
  uint64_t sent = 0;
  for (; NowNanos() < end; sent += kFloodDepth) channel.Publish(kFloodDepth);
  const bool all = handler.AwaitHandled(sent + 1);
  const int64_t nanos = NowNanos() - began_at;
  const auto handled = static_cast<double>(std::max<uint64_t>(handler.handled() - 1, 1));
  Figures figures;
  figures.wrong = all ? 0 : sent + 1 - handler.handled();
  figures.per_second = handled * 1e9 / static_cast<double>(nanos);
  figures.client_cpu_micros = static_cast<double>(handler.CpuNanos() - cpu_before) / 1e3 / handled;
  const Usage usage = Usage::Now(server) - before;
  figures.server_cpu_micros = static_cast<double>(usage.server_cpu_nanos) / 1e3 / handled;
  return figures;
}

}  // namespace nearcache::remote_peers
