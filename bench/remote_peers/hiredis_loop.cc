// hiredis' async.c under an epoll loop written by hand, with a mutex, a vector and a coalesced eventfd in front: the
// best that can be made of hiredis without touching it.

#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "bench/remote_peers/client.h"
#include "bench/remote_peers/registry.h"
#include "hiredis/async.h"
#include "hiredis/hiredis.h"

namespace nearcache::remote_peers {
namespace {

class HiredisLoop final : public AsyncClient {
 public:
  explicit HiredisLoop(const Target& target) : epoll_(epoll_create1(0)), wake_(eventfd(0, EFD_NONBLOCK)) {
    context_ = target.socket_path.empty() ? redisAsyncConnect(target.host.c_str(), target.port)
                                          : redisAsyncConnectUnix(target.socket_path.c_str());
    if (context_ == nullptr || context_->err != 0) Die(kLoop, "no connection");
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

  ~HiredisLoop() override {
    stop_.store(true);
    Wake();
    thread_.join();
    redisAsyncFree(context_);
    close(wake_);
    close(epoll_);
  }

  void Get(Keys keys, Call* call) override {
    if (std::this_thread::get_id() == thread_.get_id()) {
      for (const std::string* key : keys) Send({*key, call});
      return;
    }
    bool first;
    {
      absl::MutexLock lock(&mutex_);
      first = submitted_.empty();
      for (const std::string* key : keys) submitted_.push_back({*key, call});
    }
    if (first) Wake();
  }

 private:
  // Keys live as long as the run, so nothing is copied before the command is written.
  struct Request {
    absl::string_view key;
    Call* call;
  };

  static HiredisLoop* Of(void* self) { return static_cast<HiredisLoop*>(self); }

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

  // Replies come in order.
  static void OnReply(redisAsyncContext* /*context*/, void* reply, void* data) {
    auto* const got = static_cast<redisReply*>(reply);
    auto* const call = static_cast<Call*>(data);
    if (got == nullptr || got->type != REDIS_REPLY_STRING) Die(kLoop, "lost or wrong reply");
    call->answers[call->answered++].text.assign(got->str, got->len);
    if (call->answered < call->answers.size()) return;
    call->answered = 0;
    call->OnDone();
  }

  void Send(const Request& request) {
    redisAsyncCommand(context_, &OnReply, request.call, "GET %b", request.key.data(), request.key.size());
  }

  void TakeSubmitted() {
    uint64_t ignored;
    (void)!read(wake_, &ignored, sizeof(ignored));
    {
      absl::MutexLock lock(&mutex_);
      taken_.swap(submitted_);
    }
    for (const Request& request : taken_) Send(request);
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
  std::vector<Request> submitted_ ABSL_GUARDED_BY(mutex_);
  std::vector<Request> taken_;
  std::thread thread_;
};

const bool registered = Register({kLoop, [](const Target& target) -> std::unique_ptr<AsyncClient> {
                                    return std::make_unique<HiredisLoop>(target);
                                  }});

}  // namespace
}  // namespace nearcache::remote_peers
