// A server that does exactly what a test says, step by step, on the test's own thread: accept, read a command, send
// bytes, hang up. It listens on a unix socket in a temporary folder; the kernel completes connections whether or not
// Accept was called.
//
// Every step that waits gives up after ten seconds, so that a broken client fails a test instead of hanging it.

#ifndef NEARCACHE_TESTS_SUPPORT_SCRIPTED_SERVER_H_
#define NEARCACHE_TESTS_SUPPORT_SCRIPTED_SERVER_H_

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/string_view.h"

namespace nearcache::testing {

// Replies in RESP.
std::string BulkString(absl::string_view bytes);
inline std::string Status(absl::string_view text) { return "+" + std::string(text) + "\r\n"; }
inline std::string Error(absl::string_view text) { return "-" + std::string(text) + "\r\n"; }

// One accepted connection; closed by the destructor.
class Peer {
 public:
  explicit Peer(int descriptor) : descriptor_(descriptor) {}
  Peer(Peer&& other) noexcept;
  Peer& operator=(Peer&& other) noexcept;
  ~Peer() { Close(); }

  // False if nobody connected in time.
  bool connected() const { return descriptor_ >= 0; }

  // The arguments of the next command; empty if the client hung up or nothing came in time.
  std::vector<std::string> ReadCommand();

  void Send(absl::string_view bytes);

  // For tests that parse what comes themselves: what was read already, and is taken away; and whatever comes within
  // `milliseconds`, appended. False at the end of the stream.
  std::string TakeInput() { return std::exchange(input_, std::string()); }
  bool ReadSome(std::string* input, int milliseconds);

  // Waits until bytes that nobody has read lie in the socket.
  bool WaitForInput();

  // Waits until the client has hung up. False if it has not in time.
  bool WaitForHangUp();

  // Hangs up. With unread commands the client sees a reset, otherwise an end of stream.
  void Close();

 private:
  // Reads more into input_; false at the end of the stream or after ten seconds.
  bool ReadMore();
  bool ReadLine(std::string* line);

  int descriptor_ = -1;
  std::string input_;
};

// How a scripted server presents itself in the handshake.
struct HandshakeScript {
  std::string run_id = "0123456789012345678901234567890123456789";
  std::string role = "master";
  bool knows_hello = true;
};

class ScriptedServer {
 public:
  ScriptedServer();
  ~ScriptedServer();

  ScriptedServer(const ScriptedServer&) = delete;
  ScriptedServer& operator=(const ScriptedServer&) = delete;

  const std::string& socket_path() const { return path_; }

  // Whether somebody has connected and waits to be accepted, now or within `milliseconds`.
  bool IsWanted(int milliseconds);

  Peer Accept();

  // Accepts and answers a whole handshake, up to the reply to PING (in RESP2 too, if `script` says so).
  Peer AcceptAndShakeHands(const HandshakeScript& script = {});

  // Stops listening: connections are refused from now on. ListenAgain undoes it.
  void StopListening();
  void ListenAgain();

 private:
  std::string folder_;
  std::string path_;
  int listener_ = -1;
};

// Answers `command` as one step of a handshake. False: it was not part of one.
bool AnswerHandshakeCommand(Peer& peer, const std::vector<std::string>& command, const HandshakeScript& script);

}  // namespace nearcache::testing

#endif  // NEARCACHE_TESTS_SUPPORT_SCRIPTED_SERVER_H_
