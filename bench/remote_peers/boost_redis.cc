// Boost.Redis: one connection on a thread of its own, with the read buffer that it has by default and with one of
// 64 KiB. Its RESP3 connection has no settings that would make it faster: no health checks, no log.

#include <boost/asio/detached.hpp>
#include <boost/asio/dispatch.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/redis/connection.hpp>
#include <boost/redis/request.hpp>
#include <boost/redis/resp3/node.hpp>
#include <boost/redis/response.hpp>
#include <boost/redis/src.hpp>
#include <chrono>
#include <cstddef>
#include <memory>
#include <string>
#include <thread>
#include <tuple>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "bench/remote_peers/client.h"
#include "bench/remote_peers/registry.h"

namespace nearcache::remote_peers {
namespace {

namespace asio = boost::asio;
namespace redis = boost::redis;

class BoostRedis final : public AsyncClient {
 public:
  BoostRedis(const Target& target, size_t read_bytes)
      : context_(1), connection_(context_, redis::logger{redis::logger::level::disabled}) {
    redis::config config;
    config.addr = {target.host, absl::StrCat(target.port)};
    config.unix_socket = target.socket_path;
    config.health_check_interval = std::chrono::seconds::zero();
    config.read_buffer_append_size = read_bytes;
    connection_.async_run(config, asio::detached);
    thread_ = std::thread([this] { context_.run(); });
  }

  ~BoostRedis() override {
    asio::dispatch(context_, [this] { connection_.cancel(); });
    guard_.reset();
    thread_.join();
  }

  void Get(Keys keys, Call* call) override {
    if (keys.size() == 1) return GetOne(*keys[0], call);
    auto batch = std::make_unique<Batch>();
    batch->call = call;
    for (const std::string* key : keys) batch->request.push("GET", *key);
    asio::dispatch(context_, [this, batch = std::move(batch)]() mutable { Start(std::move(batch)); });
  }

 private:
  struct One {
    redis::request request;
    redis::response<std::string> response;
    Call* call = nullptr;
  };

  struct Batch {
    redis::request request;
    redis::generic_response response;
    Call* call = nullptr;
  };

  void GetOne(const std::string& key, Call* call) {
    auto one = std::make_unique<One>();
    one->call = call;
    one->request.push("GET", key);
    asio::dispatch(context_, [this, one = std::move(one)]() mutable { Start(std::move(one)); });
  }

  // On the client's thread from here on.
  void Start(std::unique_ptr<One> one) {
    One& of = *one;
    connection_.async_exec(of.request, of.response,
                           [one = std::move(one)](const boost::system::error_code& error, size_t /*bytes*/) {
                             if (error) Die(kBoost, error.message());
                             Call* const call = one->call;
                             call->answers[0].text = std::move(std::get<0>(one->response).value());
                             call->OnDone();
                           });
  }

  void Start(std::unique_ptr<Batch> batch) {
    Batch& of = *batch;
    connection_.async_exec(of.request, of.response,
                           [batch = std::move(batch)](const boost::system::error_code& error, size_t /*bytes*/) {
                             if (error) Die(kBoost, error.message());
                             Call* const call = batch->call;
                             std::vector<redis::resp3::node>& nodes = batch->response.value();
                             if (nodes.size() != call->answers.size()) Die(kBoost, "lost or wrong reply");
                             for (size_t i = 0; i < nodes.size(); ++i) {
                               call->answers[i].text = std::move(nodes[i].value);
                             }
                             call->OnDone();
                           });
  }

  asio::io_context context_;
  asio::executor_work_guard<asio::io_context::executor_type> guard_{context_.get_executor()};
  redis::connection connection_;
  std::thread thread_;
};

const bool registered = Register({kBoost,
                                  [](const Target& target) -> std::unique_ptr<AsyncClient> {
                                    return std::make_unique<BoostRedis>(target, size_t{4} << 10);
                                  }}) &&
                        Register({kBoost64, [](const Target& target) -> std::unique_ptr<AsyncClient> {
                                    return std::make_unique<BoostRedis>(target, size_t{64} << 10);
                                  }});

}  // namespace
}  // namespace nearcache::remote_peers
