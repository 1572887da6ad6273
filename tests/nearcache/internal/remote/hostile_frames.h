// What a hostile or broken server may send where a reply or a message is due: one table for the engine's tests and for
// those of a whole cache.

#ifndef NEARCACHE_TESTS_NEARCACHE_INTERNAL_REMOTE_HOSTILE_FRAMES_H_
#define NEARCACHE_TESTS_NEARCACHE_INTERNAL_REMOTE_HOSTILE_FRAMES_H_

#include <string>
#include <vector>

namespace nearcache::internal::remote {

struct HostileFrame {
  enum class Then {
    kWait,    // The connection stays open; the client has to close it.
    kHangUp,  // The server closes it behind the bytes.
  };
  const char* name;
  std::string bytes;
  const char* said;  // Part of what the client must say of it.
  Then then = Then::kWait;
};

// In the place of the reply to GET, whose reply can only be a bulk string or nil. Understood as errors in RESP2 and
// RESP3 alike.
std::vector<HostileFrame> HostileReplies();

// On a connection that is subscribed to the channel "lane"; nothing is being asked there. `resp_version` shapes the
// frames: pushes in RESP3, arrays in RESP2.
std::vector<HostileFrame> HostileMessages(int resp_version);

// Beginnings of replies that never end, each a prefix of something well-formed: only a deadline ends the wait.
std::vector<HostileFrame> EndlessReplies();

}  // namespace nearcache::internal::remote

#endif  // NEARCACHE_TESTS_NEARCACHE_INTERNAL_REMOTE_HOSTILE_FRAMES_H_
