// Everything that is compared: who takes turns at what.

#ifndef BENCH_REMOTE_PEERS_SCENES_H_
#define BENCH_REMOTE_PEERS_SCENES_H_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/time/time.h"
#include "bench/remote_peers/data.h"
#include "bench/remote_peers/figures.h"
#include "bench/remote_peers/loops.h"
#include "bench/remote_peers/registry.h"
#include "tests/support/redis_server.h"

namespace nearcache::remote_peers {

// The modes, in the order in which they run, and what each is, for the heads of the tables.
struct Mode {
  const char* name;
  const char* what;
};
const std::vector<Mode>& Modes();

inline constexpr char kBlockingMode[] = "bt";
inline constexpr char kCallbackMode[] = "cb";
inline constexpr char kForeignMode[] = "x1";
inline constexpr char kUnpinnedMode[] = "unpinned";
inline constexpr char kBatchMode[] = "batch";
inline constexpr char kUnixMode[] = "unix";
inline constexpr char kSizeMode[] = "size";
inline constexpr char kWriteMode[] = "write";
inline constexpr char kLagMode[] = "lag";
inline constexpr char kFloodMode[] = "flood";

// The contender of the modes about writes and messages that is not nearcache.
inline constexpr char kPlain[] = "set+publish";
inline constexpr char kRaw[] = "hiredis";

struct RunOptions {
  int rounds = 7;
  absl::Duration duration = absl::Milliseconds(300);
  // Which numbers of GETs or writes in flight.
  std::vector<int> in_flight = {1, 4, 16, 64, 256};
  // Client on CPU 0, server on CPU 1.
  bool pin = true;
  uint64_t seed = 1;
};

class Stage {
 public:
  // Starts a server and fills it. Ends the program if there is none.
  explicit Stage(const RunOptions& options);
  ~Stage();

  // Runs every scene of a mode, contenders in shuffled order in each round. `tell` gets a line for people per scene.
  void Play(const std::string& mode, const std::vector<Peer>& peers, Results* results,
            absl::FunctionRef<void(const std::string&)> tell);

 private:
  struct Contender {
    std::string name;
    std::function<Figures()> act;
  };
  struct Act {
    Scene scene;
    // Contenders own what they share, so it ends with the scene.
    std::function<std::vector<Contender>()> prepare;
  };

  std::vector<Act> ActsOf(const std::string& mode, const std::vector<Peer>& peers);
  Act Loop(Scene scene, std::vector<Peer> peers, const DataSet& data, bool unix_socket, Way way, int in_flight);
  std::vector<Act> SizeActs(const std::vector<Peer>& peers);
  std::vector<Act> WriteActs();
  std::vector<Act> ChannelActs(const std::string& mode);
  const DataSet& DataOf(size_t value_bytes);
  void Pin(bool pinned);

  const RunOptions options_;
  std::unique_ptr<testing::RedisServer> server_;
  std::vector<std::pair<size_t, std::unique_ptr<DataSet>>> data_;
};

}  // namespace nearcache::remote_peers

#endif  // BENCH_REMOTE_PEERS_SCENES_H_
