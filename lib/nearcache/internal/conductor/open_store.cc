#include "nearcache/internal/conductor/open_store.h"

#include <algorithm>
#include <utility>

#include "nearcache/internal/base/key_space.h"
#include "nearcache/internal/remote/address.h"
#include "nearcache/internal/remote/redis_store.h"

namespace nearcache::internal::conductor {
namespace {

remote::EngineOptions ToEngineOptions(const Options& options, const Clock* clock) {
  const RemoteOptions& remote = options.remote;
  remote::EngineOptions engine;
  engine.address = remote.unix_socket.empty() ? remote::Address::Tcp(remote.host, static_cast<uint16_t>(remote.port))
                                              : remote::Address::Unix(remote.unix_socket);
  engine.user = remote.user;
  engine.password = remote.password;
  engine.database = remote.database;
  engine.client_name = remote.client_name;
  engine.connect_timeout = remote.connect_timeout;
  engine.health_timeout = remote.health_timeout;
  engine.reconnect_backoff_max = remote.reconnect_backoff_max;
  engine.operations_max = remote.operations_max;
  engine.bytes_max = remote.queued_bytes_max;
  engine.reply_bytes_max = remote.reply_bytes_max;
  engine.reconnects_per_second_max = remote.reconnects_per_second_max;
  engine.retry_share = remote.retry_share;
  engine.retries_max = remote.retries_max;
  engine.resp_version = remote.resp_version;
  engine.breaker.enabled = remote.breaker.enabled;
  engine.breaker.window = remote.breaker.window;
  engine.breaker.calls_min = remote.breaker.calls_min;
  engine.breaker.bad_share = remote.breaker.bad_share;
  engine.breaker.slow_call = std::min(remote.breaker.slow_call, remote.command_timeout);
  engine.breaker.open_time = remote.breaker.open_time;
  engine.breaker.open_time_max = remote.breaker.open_time_max;
  engine.breaker.probes = remote.breaker.probes;
  engine.clock = clock;
  return engine;
}

}  // namespace

absl::StatusOr<std::unique_ptr<remote::Store>> OpenStore(const Options& options, const Clock* clock) {
  const KeySpace names(options.key_prefix, options.key_version, options.remote.database);
  remote::RedisStoreOptions store;
  store.engine = ToEngineOptions(options, clock);
  store.lane_key = names.lane_key();
  store.epoch_key = names.epoch_key();
  store.missing_key = names.missing_key();
  store.channel = names.channel();
  if (options.coherence.foreign_writers) store.foreign_prefix = names.DataKey("");
  store.trace_operations = options.remote.on_operation != nullptr;
  store.probe_timeout = options.remote.command_timeout;
  auto made = remote::RedisStore::Create(std::move(store));
  if (!made.ok()) return made.status();
  return std::unique_ptr<remote::Store>(*std::move(made));
}

}  // namespace nearcache::internal::conductor
