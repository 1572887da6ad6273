// Blocking hiredis: a connection for each caller, and pools of connections behind a mutex. A batch is pipelined.

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "bench/remote_peers/client.h"
#include "bench/remote_peers/registry.h"
#include "hiredis/hiredis.h"

namespace nearcache::remote_peers {
namespace {

constexpr char kName[] = "blocking hiredis";
constexpr int kSmallPool = 8;

class Connection {
 public:
  explicit Connection(const Target& target)
      : context_(target.socket_path.empty() ? redisConnect(target.host.c_str(), target.port)
                                            : redisConnectUnix(target.socket_path.c_str())) {
    if (context_ == nullptr || context_->err != 0) Die(kName, "no connection");
  }
  ~Connection() { redisFree(context_); }
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  void Get(Keys keys, std::vector<Answer>* answers) {
    for (const std::string* key : keys) redisAppendCommand(context_, "GET %b", key->data(), key->size());
    for (size_t i = 0; i < keys.size(); ++i) {
      void* got = nullptr;
      if (redisGetReply(context_, &got) != REDIS_OK) Die(kName, context_->errstr);
      auto* const reply = static_cast<redisReply*>(got);
      if (reply == nullptr || reply->type != REDIS_REPLY_STRING) Die(kName, "lost or wrong reply");
      (*answers)[i].text.assign(reply->str, reply->len);
      freeReplyObject(reply);
    }
  }

 private:
  redisContext* const context_;
};

class OwnConnections final : public BlockingClient {
 public:
  OwnConnections(const Target& target, int callers) {
    for (int i = 0; i < callers; ++i) connections_.push_back(std::make_unique<Connection>(target));
  }
  void Get(int caller, Keys keys, std::vector<Answer>* answers) override {
    connections_[static_cast<size_t>(caller)]->Get(keys, answers);
  }

 private:
  std::vector<std::unique_ptr<Connection>> connections_;
};

// As the pools of other clients do it: the one that was given back last is taken first, and who finds none waits.
class Pool final : public BlockingClient {
 public:
  Pool(const Target& target, int connections) {
    for (int i = 0; i < connections; ++i) free_.push_back(std::make_unique<Connection>(target));
  }
  void Get(int /*caller*/, Keys keys, std::vector<Answer>* answers) override {
    std::unique_ptr<Connection> connection = Take();
    connection->Get(keys, answers);
    absl::MutexLock lock(&mutex_);
    free_.push_back(std::move(connection));
    given_back_.Signal();
  }

 private:
  std::unique_ptr<Connection> Take() ABSL_LOCKS_EXCLUDED(mutex_) {
    absl::MutexLock lock(&mutex_);
    while (free_.empty()) given_back_.Wait(&mutex_);
    std::unique_ptr<Connection> connection = std::move(free_.back());
    free_.pop_back();
    return connection;
  }

  absl::Mutex mutex_;
  absl::CondVar given_back_;
  std::vector<std::unique_ptr<Connection>> free_ ABSL_GUARDED_BY(mutex_);
};

const bool registered =
    Register({kOwn, nullptr,
              [](const Target& target, int callers) -> std::unique_ptr<BlockingClient> {
                return std::make_unique<OwnConnections>(target, callers);
              }}) &&
    Register({kPool, nullptr,
              [](const Target& target, int callers) -> std::unique_ptr<BlockingClient> {
                return std::make_unique<Pool>(target, callers);
              }}) &&
    Register({kPool8, nullptr, [](const Target& target, int /*callers*/) -> std::unique_ptr<BlockingClient> {
                return std::make_unique<Pool>(target, kSmallPool);
              }});

}  // namespace
}  // namespace nearcache::remote_peers
