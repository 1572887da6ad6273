#include "tests/nearcache/internal/remote/hostile_frames.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"

namespace nearcache::internal::remote {
namespace {

using Then = HostileFrame::Then;

std::string Repeated(absl::string_view part, int times) {
  std::string all;
  for (int i = 0; i < times; ++i) absl::StrAppend(&all, part);
  return all;
}

constexpr char kBroken[] = "broke the protocol";
constexpr char kShifted[] = "replies have shifted";
constexpr char kUnasked[] = "nobody had asked for";
constexpr char kMalformed[] = "malformed";

// Bytes that are no RESP, in either version.
std::vector<HostileFrame> NoFrames() {
  return {
      {"integer with a letter", ":12a\r\n", kBroken},
      {"integer without digits", ":\r\n", kBroken},
      {"integer out of range", ":99999999999999999999\r\n", kBroken},
      {"integer with two signs", ":--1\r\n", kBroken},
      {"integer that never ends", ":" + Repeated("1", 100), "does not end within 32"},
      {"bulk of length -2", "$-2\r\n", kBroken},
      {"bulk of a length with a letter", "$1x\r\n", kBroken},
      {"bulk of no length", "$\r\n", kBroken},
      {"streamed bulk", "$?\r\n", kBroken},
      {"bulk whose end is missing", "$3\r\nabcde", kBroken},
      {"bulk with half an end", "$3\r\nabc\rx", kBroken},
      {"bulk length that never ends", "$" + Repeated("1", 100), "does not end within 32"},
      {"bulk of a terabyte", "$999999999999\r\n", "reply_bytes_max"},
      {"bulk length out of range", "$99999999999999999999\r\n", kBroken},
      {"array of length -2", "*-2\r\n", kBroken},
      {"array of a length with a letter", "*x\r\n", kBroken},
      {"array of no length", "*\r\n", kBroken},
      {"array of a hundred million", "*100000000\r\n", "reply_elements_max"},
      {"array length out of range", "*99999999999999999999\r\n", kBroken},
      {"array length that never ends", "*" + Repeated("1", 100), "does not end within 32"},
      {"nine arrays deep", Repeated("*1\r\n", 9), "reply_depth_max"},
      {"400,000 arrays deep", Repeated("*1\r\n", 400'000), "reply_depth_max"},
      {"map of a length that overflows when doubled", "%9223372036854775807\r\n", "the server"},
      {"map of length -1", "%-2\r\n", kBroken},
      {"set of length -5", "~-5\r\n", kBroken},
      {"boolean that is none", "#x\r\n", kBroken},
      {"double that is none", ",abc\r\n", kBroken},
      {"double without digits", ",\r\n", kBroken},
      {"null with something in it", "_x\r\n", kBroken},
      {"verbatim string too short for its type", "=2\r\nab\r\n", kBroken},
      {"verbatim string without a colon", "=7\r\ntxtaabc\r\n", kBroken},
      {"push inside an array", "*1\r\n>1\r\n:1\r\n", kBroken},
      {"attribute", "|1\r\n+a\r\n:1\r\n:1\r\n", kBroken},
      {"blob error", "!5\r\nERR x\r\n", kBroken},
      {"status that never ends", "+" + Repeated("x", 100'000), "does not end within 65536"},
      {"error that never ends", "-" + Repeated("x", 100'000), "does not end within 65536"},
      {"an HTTP server", "HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n", kBroken},
      {"an SSH server", "SSH-2.0-OpenSSH_9.2\r\n", kBroken},
      {"an SMTP server", "220 mail.example.org ESMTP\r\n", kBroken},
      {"a TLS alert", std::string("\x15\x03\x03\x00\x02\x02\x28", 7), kBroken},
      {"a memcached server", "ERROR\r\n", kBroken},
      {"zeros", std::string(64, '\0'), kBroken},
      {"an empty line", "\r\n", kBroken},
      {"a line feed alone", "\n", kBroken},
  };
}

std::string Part(absl::string_view text) {
  if (!text.empty() && (text[0] == ':' || text[0] == '*' || text[0] == '_')) return absl::StrCat(text, "\r\n");
  return absl::StrCat("$", text.size(), "\r\n", text, "\r\n");
}

std::string Frame(char type, const std::vector<std::string>& parts) {
  std::string frame = absl::StrCat(std::string(1, type), parts.size(), "\r\n");
  for (const std::string& part : parts) absl::StrAppend(&frame, Part(part));
  return frame;
}

}  // namespace

std::vector<HostileFrame> HostileReplies() {
  std::vector<HostileFrame> all = NoFrames();
  const std::vector<HostileFrame> more = {
      {"a number for a string", ":7\r\n", kShifted},
      {"a status for a string", "+OK\r\n", kShifted},
      {"an empty array for a string", "*0\r\n", kShifted},
      {"an array for a string", "*1\r\n$1\r\na\r\n", kShifted},
      {"a map for a string", "%1\r\n$1\r\na\r\n$1\r\nb\r\n", kShifted},
      {"a set for a string", "~1\r\n$1\r\na\r\n", kShifted},
      {"a double for a string", ",1.5\r\n", kShifted},
      {"a boolean for a string", "#t\r\n", kShifted},
      {"end of stream instead of a reply", "", "closed the connection", Then::kHangUp},
      {"end of stream in a header", "$1", "closed the connection", Then::kHangUp},
      {"end of stream in a bulk", "$16\r\nclassified", "closed the connection", Then::kHangUp},
      {"end of stream before the last byte", "$10\r\nclassified\r", "closed the connection", Then::kHangUp},
      {"end of stream in an error", "-ERR classif", "closed the connection", Then::kHangUp},
      {"end of stream in an array", "*2\r\n$10\r\nclassified\r\n", "closed the connection", Then::kHangUp},
  };
  all.insert(all.end(), more.begin(), more.end());
  return all;
}

std::vector<HostileFrame> EndlessReplies() {
  return {
      {"nothing", "", ""},
      {"a type byte", "$", ""},
      {"a length", "$10", ""},
      {"a header", "$10\r\n", ""},
      {"half a bulk", "$10\r\nclass", ""},
      {"a bulk without its end", "$10\r\nclassified", ""},
      {"half an error", "-ERR", ""},
      {"an array of one element too few", "*2\r\n$1\r\na\r\n", ""},
  };
}

std::vector<HostileFrame> HostileMessages(int resp_version) {
  const char type = resp_version == 3 ? '>' : '*';
  std::vector<HostileFrame> all = NoFrames();
  const std::vector<std::vector<std::string>> malformed = {
      {},
      {":1"},
      {"*0"},
      {"subscribe"},
      {"subscribe", "lane"},
      {"subscribe", "lane", "one"},
      {"subscribe", ":1", ":1"},
      {"subscribe", "lane", ":1", ":1"},
      {"unsubscribe"},
      {"unsubscribe", "lane"},
      {"unsubscribe", "lane", "none"},
      {"message"},
      {"message", "lane"},
      {"message", ":1", "payload"},
      {"message", "lane", ":1"},
      {"message", "lane", "*0"},
      {"message", "lane", "classified", "more"},
      {"message", "*1\r\n:1", "payload"},
      {"pong"},
      {"pong", ":1"},
      {"pong", "", ""},
  };
  for (const auto& parts : malformed) all.push_back({"a frame of the wrong shape", Frame(type, parts), kMalformed});
  const std::vector<HostileFrame> more = {
      {"the end of a subscription", Frame(type, {"unsubscribe", "lane", ":0"}), "ended a subscription"},
      {"a status that nobody asked for", "+OK\r\n", kUnasked},
      {"an error that nobody asked for", "-ERR something\r\n", kUnasked},
      {"a string that nobody asked for", "$10\r\nclassified\r\n", kUnasked},
      {"nil that nobody asked for", "$-1\r\n", kUnasked},
      {"a number that nobody asked for", ":1\r\n", kUnasked},
      {"a message that ends early", absl::StrCat(std::string(1, type), "3\r\n$7\r\nmessage\r\n$4\r\nla"),
       "closed the connection", Then::kHangUp},
      {"end of stream", "", "closed the connection", Then::kHangUp},
      {"a payload of a terabyte",
       absl::StrCat(std::string(1, type), "3\r\n$7\r\nmessage\r\n$4\r\nlane\r\n$999999999999\r\n"), "reply_bytes_max"},
      {"a frame of a hundred million parts", absl::StrCat(std::string(1, type), "100000000\r\n"), "reply_elements_max"},
      resp_version == 3
          ? HostileFrame{"an array that is no push", Frame('*', {"message", "lane", "classified"}), kUnasked}
          : HostileFrame{"an array of an unknown kind", Frame('*', {"smessage", "lane", "classified"}), "unknown kind"},
  };
  all.insert(all.end(), more.begin(), more.end());
  return all;
}

}  // namespace nearcache::internal::remote
