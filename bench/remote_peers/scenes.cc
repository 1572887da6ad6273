#include "bench/remote_peers/scenes.h"

#include <sched.h>
#include <sys/types.h>

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "bench/remote/raw_connection.h"
#include "bench/remote/writers.h"
#include "bench/remote_peers/channel.h"
#include "bench/remote_peers/usage.h"
#include "bench/support/clock.h"
#include "bench/support/random.h"
#include "bench/support/spread.h"

namespace nearcache::remote_peers {
namespace {

constexpr size_t kValueBytes = 500;
constexpr size_t kValueSizes[] = {10, 4096, 65536};
constexpr int kKeyCount = 10'000;
constexpr size_t kDataBytesMax = 64 << 20;
constexpr int kMessagesPerSecond = 10'000;
constexpr int kSubscribers[] = {1, 10};
constexpr int kWarmUpBatches = 20;

bool Contains(const std::vector<int>& list, int number) {
  return std::find(list.begin(), list.end(), number) != list.end();
}

void PinTo(pid_t process, const std::vector<int>& cpus) {
  cpu_set_t set;
  CPU_ZERO(&set);
  for (const int cpu : cpus) CPU_SET(cpu, &set);
  sched_setaffinity(process, sizeof(set), &set);
}

// Writes for about as long as asked for: by the count that fits, since all of them must be answered in the end.
Figures MeasureWrites(pid_t server, int n, absl::Duration duration, const std::function<void(int writes)>& write) {
  const int warm_up = kWarmUpBatches * n;
  const int64_t warm_up_at = bench::NowNanos();
  write(warm_up);
  const double per_nano = warm_up / static_cast<double>(bench::NowNanos() - warm_up_at);
  const int writes = std::max(warm_up, static_cast<int>(per_nano * absl::ToDoubleNanoseconds(duration)) / n * n);
  const Usage before = Usage::Now(server);
  const int64_t began_at = bench::NowNanos();
  write(writes);
  const auto nanos = static_cast<double>(bench::NowNanos() - began_at);
  const Usage usage = Usage::Now(server) - before;
  Figures figures;
  figures.per_second = writes * 1e9 / nanos;
  figures.client_cpu_micros = static_cast<double>(usage.client_cpu_nanos) / 1e3 / writes;
  figures.server_cpu_micros = static_cast<double>(usage.server_cpu_nanos) / 1e3 / writes;
  figures.switches = static_cast<double>(usage.switches) / writes;
  figures.allocations = static_cast<double>(usage.allocations) / writes;
  return figures;
}

// Both writers, and subscribers besides the one that nearcache is itself.
struct Writers {
  Writers(const std::string& socket_path, int subscribers)
      : plain(socket_path), others(socket_path, subscribers - 1, bench::kWrittenChannel), store(socket_path) {}

  bench::RawConnection plain;
  bench::Subscribers others;
  bench::StoreWriter store;
};

}  // namespace

const std::vector<Mode>& Modes() {
  static const auto* const modes = new std::vector<Mode>{
      {kBlockingMode, "n threads, each blocked on its own GET"},
      {kCallbackMode, "n GETs in flight, each issued from the callback of the one before"},
      {kForeignMode, "one thread keeps n GETs in flight on the client's thread"},
      {kUnpinnedMode, "as bt, with both CPUs for everybody"},
      {kBatchMode, "one thread blocked on n GETs at a time; figures per batch"},
      {kUnixMode, "over the unix socket"},
      {kSizeMode, "values of other sizes than 500 bytes"},
      {kWriteMode, "write and invalidate, n in flight: the whole guarantee against pipelined SET and PUBLISH"},
      {kLagMode, "SET and PUBLISH 10,000 times a second: from sending to the handler; one-way latencies"},
      {kFloodMode, "messages handled per second by one subscriber; CPU of its thread"},
  };
  return *modes;
}

Stage::Stage(const RunOptions& options) : options_(options) {
  testing::RedisServerOptions server_options;
  server_options.tcp = true;
  auto server = testing::RedisServer::Start(server_options);
  if (!server.ok()) Die("server", server.status().ToString());
  server_ = *std::move(server);
  const absl::StatusOr<std::string> epoch = server_->Command({"SET", "g:epoch", bench::kWrittenEpoch.ToBytes()});
  if (!epoch.ok()) Die("server", epoch.status().ToString());
}

Stage::~Stage() = default;

const DataSet& Stage::DataOf(size_t value_bytes) {
  for (const auto& [bytes, data] : data_) {
    if (bytes == value_bytes) return *data;
  }
  const int key_count = std::min(kKeyCount, static_cast<int>(kDataBytesMax / value_bytes));
  data_.emplace_back(value_bytes, std::make_unique<DataSet>(value_bytes, key_count));
  data_.back().second->Store(server_.get());
  return *data_.back().second;
}

void Stage::Pin(bool pinned) {
  if (!options_.pin) return;
  PinTo(0, pinned ? std::vector<int>{0} : std::vector<int>{0, 1});
  PinTo(server_->pid(), pinned ? std::vector<int>{1} : std::vector<int>{0, 1});
}

Stage::Act Stage::Loop(Scene scene, std::vector<Peer> peers, const DataSet& data, bool unix_socket, Way way,
                       int in_flight) {
  Target target;
  target.port = server_->port();
  if (unix_socket) target.socket_path = server_->socket_path();
  LoopPlan plan;
  plan.way = way;
  plan.in_flight = in_flight;
  plan.duration = options_.duration;
  plan.warm_up = std::min(plan.warm_up, options_.duration);
  const bool all = plan.way == Way::kBlocking || plan.way == Way::kBatch;
  const pid_t server = server_->pid();
  return {std::move(scene), [=, &data] {
            std::vector<Contender> contenders;
            for (const Peer& peer : peers) {
              if (!all && peer.make_async == nullptr) continue;
              // For one caller, and for few, a pool is a connection for each of them behind a lock.
              if (plan.way == Way::kBatch && (peer.name == kPool || peer.name == kPool8)) continue;
              if (peer.name == kPool8 && in_flight <= 8) continue;
              contenders.push_back({peer.name, [=, &data] { return RunLoop(target, server, data, peer, plan); }});
            }
            return contenders;
          }};
}

std::vector<Stage::Act> Stage::SizeActs(const std::vector<Peer>& peers) {
  std::vector<Act> acts;
  for (const size_t bytes : kValueSizes) {
    const DataSet& data = DataOf(bytes);
    const std::string size = absl::StrCat(bytes, "B ");
    acts.push_back(Loop({kSizeMode, size + "bt n=16"}, peers, data, false, Way::kBlocking, 16));
    acts.push_back(Loop({kSizeMode, size + "cb n=64"}, peers, data, false, Way::kCallbacks, 64));
  }
  return acts;
}

std::vector<Stage::Act> Stage::WriteActs() {
  std::vector<Act> acts;
  for (const int subscribers : kSubscribers) {
    for (const int n : {1, 16, 64}) {
      if (!Contains(options_.in_flight, n)) continue;
      const pid_t server = server_->pid();
      const absl::Duration duration = options_.duration;
      acts.push_back({{kWriteMode, absl::StrCat("n=", n, " subscribers=", subscribers)}, [=] {
                        auto writers = std::make_shared<Writers>(server_->socket_path(), subscribers);
                        const auto ours = [=](int writes) { writers->store.Write(n, writes); };
                        const auto theirs = [=](int writes) { bench::WritePlainly(&writers->plain, n, writes); };
                        return std::vector<Contender>{
                            {kEngine, [=] { return MeasureWrites(server, n, duration, ours); }},
                            {kPlain, [=] { return MeasureWrites(server, n, duration, theirs); }}};
                      }});
    }
  }
  return acts;
}

std::vector<Stage::Act> Stage::ChannelActs(const std::string& mode) {
  Target target;
  target.port = server_->port();
  const pid_t server = server_->pid();
  const absl::Duration duration = options_.duration;
  const bool lag = mode == kLagMode;
  const auto run = [=](Subscriber subscriber) {
    return lag ? RunLag(target, server, subscriber, kMessagesPerSecond, duration)
               : RunFlood(target, server, subscriber, duration);
  };
  return {{{mode, lag ? "10000/s" : "64-deep"}, [=] {
             return std::vector<Contender>{{kEngine, [=] { return run(Subscriber::kEngineLink); }},
                                           {kRaw, [=] { return run(Subscriber::kHiredisConnection); }}};
           }}};
}

std::vector<Stage::Act> Stage::ActsOf(const std::string& mode, const std::vector<Peer>& peers) {
  if (mode == kSizeMode) return SizeActs(peers);
  if (mode == kWriteMode) return WriteActs();
  if (mode == kLagMode || mode == kFloodMode) return ChannelActs(mode);
  const DataSet& data = DataOf(kValueBytes);
  std::vector<Act> acts;
  if (mode == kUnixMode) {
    for (const int n : {1, 16, 64}) {
      if (!Contains(options_.in_flight, n)) continue;
      const std::string detail = absl::StrCat(" n=", n);
      acts.push_back(Loop({mode, "bt" + detail}, peers, data, true, Way::kBlocking, n));
      acts.push_back(Loop({mode, "cb" + detail}, peers, data, true, Way::kCallbacks, n));
    }
    return acts;
  }
  Way way = Way::kBlocking;
  if (mode == kCallbackMode) way = Way::kCallbacks;
  if (mode == kForeignMode) way = Way::kForeign;
  if (mode == kBatchMode) way = Way::kBatch;
  for (const int n : options_.in_flight) {
    if (mode == kUnpinnedMode && n > 4) continue;
    acts.push_back(Loop({mode, absl::StrCat("n=", n)}, peers, data, false, way, n));
  }
  return acts;
}

void Stage::Play(const std::string& mode, const std::vector<Peer>& peers, Results* results,
                 absl::FunctionRef<void(const std::string&)> tell) {
  bench::Random random(options_.seed);
  Pin(mode != kUnpinnedMode);
  for (const Act& act : ActsOf(mode, peers)) {
    tell(act.scene.ToString());
    const std::vector<Contender> contenders = act.prepare();
    for (int round = 0; round < options_.rounds; ++round) {
      for (const size_t i : bench::ShuffledOrder(contenders.size(), &random)) {
        results->Add(act.scene, contenders[i].name, contenders[i].act());
      }
    }
  }
}

}  // namespace nearcache::remote_peers
