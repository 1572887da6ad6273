#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <thread>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "bench/remote/driver.h"
#include "hiredis/async.h"
#include "hiredis/hiredis.h"

namespace nearcache::bench {
namespace {

[[noreturn]] void Die(const char* what) {
  std::fprintf(stderr, "hiredis: %s\n", what);
  std::exit(1);
}

class HiredisLoopDriver final : public Driver {
 public:
  explicit HiredisLoopDriver(const Target& target) : epoll_(epoll_create1(0)), wake_(eventfd(0, EFD_NONBLOCK)) {
    context_ = redisAsyncConnect(target.host.c_str(), target.port);
    if (context_ == nullptr || context_->err != 0) Die("no connection");
    context_->ev.data = this;
    context_->ev.addRead = [](void* self) { Of(self)->Change(EPOLLIN, true); };
    context_->ev.delRead = [](void* self) { Of(self)->Change(EPOLLIN, false); };
    context_->ev.addWrite = [](void* self) { Of(self)->Change(EPOLLOUT, true); };
    context_->ev.delWrite = [](void* self) { Of(self)->Change(EPOLLOUT, false); };
    Add(wake_, EPOLLIN);
    Add(context_->c.fd, 0);
    Change(EPOLLOUT, true);
    thread_ = std::thread([this] { Run(); });
  }

  ~HiredisLoopDriver() override {
    stop_.store(true);
    Wake();
    thread_.join();
    redisAsyncFree(context_);
    close(wake_);
    close(epoll_);
  }

  void Get(absl::string_view key, GetCall* call) override {
    if (std::this_thread::get_id() == thread_.get_id()) return Send(key, call);
    bool first;
    {
      absl::MutexLock lock(&mutex_);
      first = submitted_.empty();
      submitted_.emplace_back(std::string(key), call);
    }
    if (first) Wake();
  }

 private:
  static HiredisLoopDriver* Of(void* self) { return static_cast<HiredisLoopDriver*>(self); }

  void Add(int descriptor, uint32_t events) {
    epoll_event event{};
    event.events = events;
    event.data.fd = descriptor;
    epoll_ctl(epoll_, EPOLL_CTL_ADD, descriptor, &event);
  }

  void Change(uint32_t bit, bool on) {
    const uint32_t wanted = on ? events_ | bit : events_ & ~bit;
    if (wanted == events_) return;
    events_ = wanted;
    epoll_event event{};
    event.events = wanted;
    event.data.fd = context_->c.fd;
    epoll_ctl(epoll_, EPOLL_CTL_MOD, context_->c.fd, &event);
  }

  void Wake() const {
    const uint64_t one = 1;
    (void)!write(wake_, &one, sizeof(one));
  }

  void Send(absl::string_view key, GetCall* call) {
    const auto answered = [](redisAsyncContext*, void* reply, void* data) {
      auto* const got = static_cast<redisReply*>(reply);
      auto* const get_call = static_cast<GetCall*>(data);
      if (got == nullptr || got->type != REDIS_REPLY_STRING) Die("lost or wrong reply");
      get_call->text.assign(got->str, got->len);
      get_call->OnDone();
    };
    redisAsyncCommand(context_, answered, call, "GET %b", key.data(), key.size());
  }

  void TakeSubmitted() {
    uint64_t ignored;
    (void)!read(wake_, &ignored, sizeof(ignored));
    {
      absl::MutexLock lock(&mutex_);
      taken_.swap(submitted_);
    }
    for (const auto& [key, call] : taken_) Send(key, call);
    taken_.clear();
  }

  void Run() {
    epoll_event events[4];
    while (!stop_.load(std::memory_order_relaxed)) {
      const int count = epoll_wait(epoll_, events, 4, -1);
      for (int i = 0; i < count; ++i) {
        if (events[i].data.fd == wake_) {
          TakeSubmitted();
          // One system call for all of them, and no round through epoll.
          if ((events_ & EPOLLOUT) != 0) redisAsyncHandleWrite(context_);
          continue;
        }
        if ((events[i].events & ~uint32_t{EPOLLOUT}) != 0) redisAsyncHandleRead(context_);
        if ((events_ & EPOLLOUT) != 0) redisAsyncHandleWrite(context_);
      }
    }
  }

  const int epoll_;
  const int wake_;
  redisAsyncContext* context_ = nullptr;
  uint32_t events_ = 0;
  std::atomic<bool> stop_{false};
  absl::Mutex mutex_;
  std::vector<std::pair<std::string, GetCall*>> submitted_ ABSL_GUARDED_BY(mutex_);
  std::vector<std::pair<std::string, GetCall*>> taken_;
  std::thread thread_;
};

}  // namespace

std::unique_ptr<Driver> MakeHiredisLoopDriver(const Target& target) {
  return std::make_unique<HiredisLoopDriver>(target);
}

BlockingConnection::BlockingConnection(const Target& target)
    : context_(redisConnect(target.host.c_str(), target.port)) {
  if (context_ == nullptr || static_cast<redisContext*>(context_)->err != 0) Die("no connection");
}

BlockingConnection::~BlockingConnection() { redisFree(static_cast<redisContext*>(context_)); }

void BlockingConnection::Get(absl::string_view key, std::string* text) {
  auto* const reply =
      static_cast<redisReply*>(redisCommand(static_cast<redisContext*>(context_), "GET %b", key.data(), key.size()));
  if (reply == nullptr || reply->type != REDIS_REPLY_STRING) Die("lost or wrong reply");
  text->assign(reply->str, reply->len);
  freeReplyObject(reply);
}

}  // namespace nearcache::bench
