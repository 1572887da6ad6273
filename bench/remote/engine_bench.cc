// What does a GET through the engine cost, against the two plain ways of using hiredis? In one run, interleaved and
// shuffled, so that the ratios hold even where the absolute figures are noisy.
//
//   engine   one nearcache engine
//   loop     hiredis' async.c under an epoll loop written by hand (one connection, cross-thread submission)
//   block    blocking hiredis, a connection for each thread
//
//   ./bazelw run -c opt //bench/remote:engine_bench -- --rounds=7 --seconds=0.3 --modes=bt,cb,x1 --n=1,4,16,64,256
//
// `--pin` puts the client on CPU 0 and the server on CPU 1. 500-byte values, 10 000 keys, loopback TCP.

#include <sched.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <map>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "bench/remote/modes.h"
#include "tests/support/redis_server.h"

namespace nearcache::bench {
namespace {

constexpr int kKeyCount = 10000;
constexpr int kValueBytes = 500;

struct Flags {
  int rounds = 5;
  double seconds = 0.3;
  std::vector<std::string> modes = {"bt", "cb", "x1"};
  std::vector<int> in_flight = {1, 4, 16, 64, 256};
  bool pin = false;
};

bool ParseFlag(absl::string_view argument, Flags* flags) {
  if (argument == "--pin") return flags->pin = true;
  if (absl::ConsumePrefix(&argument, "--rounds=")) return absl::SimpleAtoi(argument, &flags->rounds);
  if (absl::ConsumePrefix(&argument, "--seconds=")) return absl::SimpleAtod(argument, &flags->seconds);
  if (absl::ConsumePrefix(&argument, "--modes=")) {
    flags->modes = absl::StrSplit(argument, ',');
    return true;
  }
  if (!absl::ConsumePrefix(&argument, "--n=")) return false;
  flags->in_flight.clear();
  for (const absl::string_view number : absl::StrSplit(argument, ',')) {
    flags->in_flight.push_back(0);
    if (!absl::SimpleAtoi(number, &flags->in_flight.back()) || flags->in_flight.back() < 1) return false;
  }
  return true;
}

Mode ModeOf(absl::string_view name) {
  if (name == "cb") return Mode::kCallbacks;
  return name == "x1" ? Mode::kForeign : Mode::kBlocking;
}

const char* NameOf(Client client) {
  if (client == Client::kEngine) return "engine";
  return client == Client::kHiredisLoop ? "loop" : "block";
}

void Pin(pid_t pid, int cpu) {
  cpu_set_t set;
  CPU_ZERO(&set);
  CPU_SET(cpu, &set);
  sched_setaffinity(pid, sizeof(set), &set);
}

double Median(std::vector<double> values) {
  if (values.empty()) return 0;
  std::sort(values.begin(), values.end());
  return values[values.size() / 2];
}

constexpr std::array<double RunResult::*, 6> kColumns = {&RunResult::per_second,       &RunResult::client_cpu_micros,
                                                         &RunResult::context_switches, &RunResult::allocations,
                                                         &RunResult::p50_micros,       &RunResult::p99_micros};

using Rounds = std::vector<RunResult>;

double MedianOf(const Rounds& rounds, double RunResult::* column) {
  std::vector<double> values;
  values.reserve(rounds.size());
  for (const RunResult& result : rounds) values.push_back(result.*column);
  return Median(std::move(values));
}

double MedianRatio(const Rounds& ours, const Rounds& theirs, double RunResult::* column) {
  std::vector<double> ratios;
  for (size_t i = 0; i < ours.size(); ++i) ratios.push_back(ours[i].*column / std::max(theirs[i].*column, 1e-9));
  return Median(std::move(ratios));
}

void Print(absl::string_view mode, int in_flight, const std::map<Client, Rounds>& results) {
  for (const auto& [client, rounds] : results) {
    std::printf("%-3s %4d %-7s", std::string(mode).c_str(), in_flight, NameOf(client));
    std::printf(" %9.0f/s %7.2f us cpu %6.2f switches %6.2f allocations  p50 %7.1f us  p99 %7.1f us\n",
                MedianOf(rounds, kColumns[0]), MedianOf(rounds, kColumns[1]), MedianOf(rounds, kColumns[2]),
                MedianOf(rounds, kColumns[3]), MedianOf(rounds, kColumns[4]), MedianOf(rounds, kColumns[5]));
  }
  const Rounds& ours = results.at(Client::kEngine);
  for (const auto& [client, rounds] : results) {
    if (client == Client::kEngine) continue;
    std::printf("         engine against %-5s: %5.2fx throughput %5.2fx cpu %5.2fx p50 %5.2fx p99\n", NameOf(client),
                MedianRatio(ours, rounds, kColumns[0]), MedianRatio(ours, rounds, kColumns[1]),
                MedianRatio(ours, rounds, kColumns[4]), MedianRatio(ours, rounds, kColumns[5]));
  }
  std::fflush(stdout);
}

void Compare(const Target& target, const Flags& flags) {
  std::mt19937 random(1);
  for (const std::string& mode : flags.modes) {
    for (const int in_flight : flags.in_flight) {
      std::map<Client, Rounds> results;
      std::vector<Client> clients = {Client::kEngine, Client::kHiredisLoop};
      if (ModeOf(mode) == Mode::kBlocking) clients.push_back(Client::kBlockingConnections);
      for (int round = 0; round < flags.rounds; ++round) {
        std::shuffle(clients.begin(), clients.end(), random);
        for (const Client client : clients) {
          RunPlan plan;
          plan.mode = ModeOf(mode);
          plan.client = client;
          plan.in_flight = in_flight;
          plan.key_count = kKeyCount;
          plan.duration = absl::Seconds(flags.seconds);
          results[client].push_back(RunOnce(target, plan));
        }
      }
      Print(mode, in_flight, results);
    }
  }
}

int Main(int argc, char** argv) {
  Flags flags;
  for (int i = 1; i < argc; ++i) {
    if (ParseFlag(argv[i], &flags)) continue;
    std::fprintf(stderr, "unknown flag %s\n", argv[i]);
    return 2;
  }
  testing::RedisServerOptions options;
  options.tcp = true;
  auto server = testing::RedisServer::Start(options);
  if (!server.ok()) {
    std::fprintf(stderr, "%s\n", server.status().ToString().c_str());
    return 1;
  }
  for (int i = 0; i < kKeyCount; ++i) {
    (void)(*server)->Command({"SET", KeyOf(i), std::string(kValueBytes, 'v')});
  }
  if (flags.pin) {
    Pin(0, 0);
    Pin((*server)->pid(), 1);
  }
  Target target;
  target.port = (*server)->port();
  Compare(target, flags);
  return 0;
}

}  // namespace
}  // namespace nearcache::bench

int main(int argc, char** argv) { return nearcache::bench::Main(argc, argv); }
