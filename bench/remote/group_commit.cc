// What does a write cost the server when n of them are in flight together, with the whole guarantee and without any?
//
//   ./bazelw run -c opt //bench/remote:group_commit [-- --rounds=7 --writes=20000]
//
//   plain          pipelined SET and PUBLISH: not atomic, no chain
//   script         one script per write, as a lone write has it
//   group script   one script for all n: atomic, chained, could refuse a stale epoch
//   nearcache      RedisStore with its coordinator, lease and heartbeats: MULTI, lane script, SETs, EXEC
//
// In each mode n writes leave, and the next n when these are answered; nearcache is given the next write as soon as one
// is answered. Values of 500 bytes with a time to live, 10,000 keys, a subscriber or ten of them (of which nearcache's
// own channel is one). The cost is the server's own CPU time (INFO cpu) per write; the modes take turns in each round,
// and the last line of each goal is the median of the rounds' ratios.

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/strip.h"
#include "absl/time/time.h"
#include "bench/remote/raw_connection.h"
#include "bench/remote/writers.h"
#include "nearcache/internal/base/operation_id.h"
#include "nearcache/internal/coherence/message.h"
#include "nearcache/internal/remote/command.h"
#include "nearcache/internal/remote/scripts.h"
#include "nearcache/internal/remote/store.h"
#include "tests/support/redis_server.h"

namespace nearcache::bench {
namespace {

using internal::OperationId;
using internal::OperationIdSource;
namespace coherence = internal::coherence;
namespace remote = internal::remote;

constexpr int kInFlight[] = {1, 8, 16, 64};
constexpr int kSubscribers[] = {1, 10};

struct Flags {
  int rounds = 7;
  int writes = 20'000;
};

[[noreturn]] void Die(const absl::Status& status) {
  std::fprintf(stderr, "%s\n", status.ToString().c_str());
  std::exit(2);
}

// A mode makes `writes` writes, n at a time.
using Mode = std::function<void(int n, int writes)>;

void ScriptEach(RawConnection* connection, OperationIdSource* ids, int n, int writes) {
  static uint64_t number = 0;
  const remote::Script& script = remote::ChangeScript(remote::ChangeKind::kSet);
  for (int done = 0; done < writes; done += n) {
    std::string bytes;
    for (int i = 0; i < n; ++i) {
      remote::ChangeRequest request;
      request.key = WrittenKey(++number);
      request.redis_key = absl::StrCat("g:1:", request.key);
      request.id = ids->Next();
      request.value = WrittenFrame(request.key, request.id);
      request.time_to_live = absl::Hours(1);
      const remote::Announced announced{request.kind, request.id, request.key};
      std::string message = coherence::EncodeMessage(request.id, 1, {&announced, 1});
      const OperationId id = request.id;
      const std::vector<std::string> arguments =
          remote::ScriptArguments(WrittenNames(), std::move(request), id, std::move(message));
      remote::CommandWriter writer(&bytes);
      writer.Begin(arguments.size() + 2).Argument("EVALSHA").Argument(script.digest);
      for (const std::string& argument : arguments) writer.Argument(argument);
    }
    connection->Send(bytes);
    connection->AwaitReplies(static_cast<size_t>(n));
  }
}

// What the alternative to a transaction would be: one script that refuses, announces and stores all. Its text is
// loaded before.
constexpr char kGroupScript[] = R"lua(
local e = redis.call('GET', KEYS[2])
if not e then return {2} end
for i = 4, #ARGV, 2 do if string.sub(ARGV[i], 9, 24) ~= e then return {2, e} end end
local p = redis.call('SET', KEYS[1], ARGV[1], 'GET')
if not p or #p ~= 16 then p = string.rep('\0', 16) end
redis.call('PUBLISH', ARGV[2], p .. ARGV[3])
for i = 3, #KEYS do redis.call('SET', KEYS[i], ARGV[2 * i - 2], 'PX', ARGV[2 * i - 1]) end
return {1}
)lua";

void GroupScript(RawConnection* connection, OperationIdSource* ids, const std::string& digest, int n, int writes) {
  static uint64_t number = 0;
  for (int done = 0; done < writes; done += n) {
    std::vector<std::string> keys;
    std::vector<remote::Announced> announced;
    for (int i = 0; i < n; ++i) keys.push_back(WrittenKey(++number));
    for (const std::string& key : keys) announced.push_back({remote::ChangeKind::kSet, ids->Next(), key});
    const OperationId lane_id = ids->Next();
    std::string bytes;
    remote::CommandWriter writer(&bytes);
    writer.Begin(static_cast<size_t>(8 + 3 * n)).Argument("EVALSHA").Argument(digest).Argument(int64_t{2 + n});
    writer.Argument(WrittenNames().lane_key).Argument(WrittenNames().epoch_key);
    for (const std::string& key : keys) writer.Argument(absl::StrCat("g:1:", key));
    writer.Argument(lane_id.ToBytes())
        .Argument(kWrittenChannel)
        .Argument(coherence::EncodeMessage(lane_id, 1, announced));
    for (const remote::Announced& one : announced) {
      writer.Argument(WrittenFrame(std::string(one.key), one.id)).Argument("3600000");
    }
    connection->Send(bytes);
    connection->AwaitReplies(1);
  }
}

double ServerCpuMicroseconds(testing::RedisServer* server) {
  const absl::StatusOr<std::string> info = server->Command({"INFO", "cpu"});
  if (!info.ok()) Die(info.status());
  double sum = 0;
  for (absl::string_view field : {"used_cpu_sys:", "used_cpu_user:"}) {
    const size_t at = info->find(std::string(field));
    double seconds = 0;
    const absl::string_view rest = absl::string_view(*info).substr(at + field.size());
    if (!absl::SimpleAtod(rest.substr(0, rest.find_first_of("\r\n")), &seconds)) std::exit(2);
    sum += seconds;
  }
  return sum * 1e6;
}

double Median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return values[values.size() / 2];
}

struct NamedMode {
  std::string name;
  Mode run;
  std::vector<double> cost;  // Of each round, in microseconds per write.
};

void Measure(testing::RedisServer* server, int n, const Flags& flags, std::vector<NamedMode>* modes) {
  // A lone write at a time is slow, and needs fewer of them for the same precision.
  const int writes = (n == 1 ? flags.writes / 4 : flags.writes) / n * n;
  for (NamedMode& mode : *modes) {
    mode.cost.clear();
    mode.run(n, std::min(writes, 20 * n));
  }
  for (int round = 0; round < flags.rounds; ++round) {
    for (size_t i = 0; i < modes->size(); ++i) {
      NamedMode& mode = (*modes)[(i + static_cast<size_t>(round)) % modes->size()];
      const double before = ServerCpuMicroseconds(server);
      mode.run(n, writes);
      mode.cost.push_back((ServerCpuMicroseconds(server) - before) / writes);
    }
  }
}

double MedianRatio(const NamedMode& mode, const NamedMode& to) {
  std::vector<double> ratios;
  for (size_t i = 0; i < mode.cost.size(); ++i) ratios.push_back(mode.cost[i] / to.cost[i]);
  return Median(ratios);
}

// Limit of the goal, 0: none.
double Limit(int n, int subscribers) {
  if (n == 16) return subscribers == 1 ? 1.0 : 1.25;
  if (n == 64) return subscribers == 1 ? 0.85 : 0.7;
  return 0;
}

int Run(const Flags& flags) {
  auto server = testing::RedisServer::Start();
  if (!server.ok()) Die(server.status());
  const std::string path = (*server)->socket_path();
  RawConnection connection(path);
  OperationIdSource ids(OperationIdSource::RandomNonce());
  std::string load;
  remote::AppendCommand(&load, {"SET", WrittenNames().epoch_key, kWrittenEpoch.ToBytes()});
  remote::AppendCommand(&load, {"SCRIPT", "LOAD", remote::ChangeScript(remote::ChangeKind::kSet).text});
  connection.Send(load);
  connection.AwaitReplies(2);
  const absl::StatusOr<std::string> digest = (*server)->Command({"SCRIPT", "LOAD", kGroupScript});
  if (!digest.ok()) Die(digest.status());
  std::vector<std::string> verdicts;
  absl::PrintF("server CPU per write, us: median of %d rounds; ratio to plain: median of the rounds' ratios\n\n",
               flags.rounds);
  absl::PrintF("%-12s%-10s%16s%16s%16s%16s\n", "subscribers", "in flight", "plain", "script", "group script",
               "nearcache");
  for (const int subscribers : kSubscribers) {
    StoreWriter nearcache(path);
    const Subscribers others(path, subscribers - 1, kWrittenChannel);
    std::vector<NamedMode> modes;
    modes.push_back({"plain", [&](int n, int writes) { WritePlainly(&connection, n, writes); }, {}});
    modes.push_back({"script", [&](int n, int writes) { ScriptEach(&connection, &ids, n, writes); }, {}});
    modes.push_back(
        {"group script", [&](int n, int writes) { GroupScript(&connection, &ids, *digest, n, writes); }, {}});
    modes.push_back({"nearcache", [&](int n, int writes) { nearcache.Write(n, writes); }, {}});
    for (const int n : kInFlight) {
      const remote::StoreStats before = nearcache.stats();
      Measure(server->get(), n, flags, &modes);
      absl::PrintF("%-12d%-10d", subscribers, n);
      for (const NamedMode& mode : modes)
        absl::PrintF("%8.1f (%4.2fx)", Median(mode.cost), MedianRatio(mode, modes[0]));
      const remote::StoreStats after = nearcache.stats();
      const double groups = static_cast<double>(after.change_groups - before.change_groups);
      const double grouped = static_cast<double>(after.grouped_changes - before.grouped_changes);
      absl::PrintF("   %.1f writes a group\n", groups > 0 ? grouped / groups : 0);
      const double limit = Limit(n, subscribers);
      const double value = MedianRatio(modes[3], modes[0]);
      if (limit == 0) continue;
      verdicts.push_back(absl::StrFormat("goal=G11 value=%.2f limit=%.2f ok=%s in_flight=%d subscribers=%d", value,
                                         limit, value <= limit ? "yes" : "no", n, subscribers));
    }
  }
  absl::PrintF("\n");
  for (const std::string& verdict : verdicts) absl::PrintF("%s\n", verdict);
  return 0;
}

}  // namespace
}  // namespace nearcache::bench

int main(int argc, char** argv) {
  nearcache::bench::Flags flags;
  for (int i = 1; i < argc; ++i) {
    absl::string_view argument = argv[i];
    const bool known = (absl::ConsumePrefix(&argument, "--rounds=") && absl::SimpleAtoi(argument, &flags.rounds)) ||
                       (absl::ConsumePrefix(&argument, "--writes=") && absl::SimpleAtoi(argument, &flags.writes));
    if (!known || flags.rounds < 1 || flags.writes < 256) {
      std::fprintf(stderr, "usage: group_commit [--rounds=7] [--writes=20000]\n");
      return 2;
    }
  }
  return nearcache::bench::Run(flags);
}
