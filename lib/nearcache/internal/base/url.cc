#include "nearcache/internal/base/url.h"

#include <arpa/inet.h>

#include <algorithm>

#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "nearcache/internal/base/text_units.h"

namespace nearcache::internal {
namespace {

constexpr size_t kSchemeBytesMax = 16;
constexpr size_t kHostBytesMax = 255;

absl::Status BadUrl(absl::string_view what) { return absl::InvalidArgumentError(absl::StrCat("URL: ", what)); }

int HexDigit(char c) {
  if (absl::ascii_isdigit(static_cast<unsigned char>(c))) return c - '0';
  const char lower = absl::ascii_tolower(static_cast<unsigned char>(c));
  return lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : -1;
}

bool IsSchemeCharacter(char c) {
  return absl::ascii_isalnum(static_cast<unsigned char>(c)) || c == '+' || c == '-' || c == '.';
}

// The text, cut where its parts meet, nothing decoded yet.
struct Pieces {
  absl::string_view scheme;
  absl::optional<absl::string_view> user_info;
  absl::string_view host_and_port;
  absl::string_view path;
  absl::string_view query;
};

absl::StatusOr<Pieces> Cut(absl::string_view text) {
  Pieces pieces;
  const size_t scheme_end = text.find("://");
  if (scheme_end == 0 || scheme_end == absl::string_view::npos || scheme_end > kSchemeBytesMax ||
      !std::all_of(text.begin(), text.begin() + scheme_end, IsSchemeCharacter)) {
    return BadUrl("does not begin with a scheme and ://, as redis://host:6379");
  }
  pieces.scheme = text.substr(0, scheme_end);
  absl::string_view rest = text.substr(scheme_end + 3);
  if (rest.find('#') != absl::string_view::npos) {
    return BadUrl("contains '#'; write %23 if it belongs to the user, the password or a value");
  }
  const absl::string_view authority = rest.substr(0, rest.find_first_of("/?"));
  rest.remove_prefix(authority.size());
  const size_t at = authority.find('@');
  if (rest.find('@') != absl::string_view::npos || (at != authority.npos && authority.rfind('@') != at)) {
    return BadUrl(
        "contains '@' where only one may end the user info; percent-encode '@' as %40, and in the "
        "user and "
        "password also '/' as %2F and '?' as %3F");
  }
  if (at != authority.npos) pieces.user_info = authority.substr(0, at);
  pieces.host_and_port = at == authority.npos ? authority : authority.substr(at + 1);
  pieces.path = rest.substr(0, rest.find('?'));
  if (pieces.path.size() < rest.size()) pieces.query = rest.substr(pieces.path.size() + 1);
  return pieces;
}

absl::Status ReadUserInfo(absl::string_view text, Url* url) {
  const std::pair<absl::string_view, absl::string_view> cut = absl::StrSplit(text, absl::MaxSplits(':', 1));
  const absl::optional<std::string> user = PercentDecode(cut.first);
  const absl::optional<std::string> password = PercentDecode(cut.second);
  if (!user.has_value() || !password.has_value()) {
    return BadUrl("the user or password has a '%' without two hexadecimal digits; write '%' as %25");
  }
  url->user = *user;
  url->password = *password;
  return absl::OkStatus();
}

// `quotable`: whether the text cannot be a password whose '@' is missing.
absl::Status ReadPort(absl::string_view text, bool quotable, Url* url) {
  const absl::StatusOr<int64_t> port = ParseInteger("URL port", text, 1, 65535);
  // Five digits are what a mistyped port looks like.
  const bool number = text.size() <= 5 && std::all_of(text.begin(), text.end(), absl::ascii_isdigit);
  if (!port.ok() && (quotable || number)) return port.status();
  if (!port.ok()) {
    return BadUrl(
        "the port behind the host is not a whole number from 1 to 65535 (not shown, since it could "
        "be a "
        "password whose '@host' is missing)");
  }
  url->port = static_cast<int>(*port);
  return absl::OkStatus();
}

// `[address]` of IPv6, with or without a zone. Leaves what follows it in `text`.
absl::Status ReadBracketedHost(absl::string_view* text, Url* url) {
  const size_t end = text->find(']');
  if (end == absl::string_view::npos) return BadUrl("an IPv6 address begins with '[' but no ']' ends it");
  const absl::string_view host = text->substr(1, end - 1);
  const std::string address(host.substr(0, host.find('%')));
  in6_addr ignored;
  // The text may hold a NUL, behind which inet_pton would not look.
  const bool whole = address.find('\0') == std::string::npos;
  if (!whole || inet_pton(AF_INET6, address.c_str(), &ignored) != 1) {
    return BadUrl("the host in brackets is not an IPv6 address, as [::1]");
  }
  url->host = std::string(host);
  text->remove_prefix(end + 1);
  if (!text->empty() && (*text)[0] != ':') return BadUrl("something else than :port follows the ']' of the host");
  return absl::OkStatus();
}

bool IsHostCharacter(char c) {
  const auto byte = static_cast<unsigned char>(c);
  return absl::ascii_isalnum(byte) || c == '.' || c == '-' || c == '_' || byte >= 0x80;
}

absl::Status ReadHostAndPort(absl::string_view text, bool quotable, Url* url) {
  if (!text.empty() && text[0] == '[') {
    const absl::Status status = ReadBracketedHost(&text, url);
    if (!status.ok()) return status;
  } else {
    const absl::string_view host = text.substr(0, text.find(':'));
    if (host.size() > kHostBytesMax) return BadUrl(absl::StrCat("the host has more than ", kHostBytesMax, " bytes"));
    if (!std::all_of(host.begin(), host.end(), IsHostCharacter)) {
      return BadUrl("the host has a character that no host name or IPv4 address has");
    }
    url->host = std::string(host);
    text.remove_prefix(host.size());
  }
  if (text.empty()) return absl::OkStatus();
  if (text.find(':', 1) != absl::string_view::npos) {
    return BadUrl("more than one ':' behind the user info; write an IPv6 address in brackets, as [::1]:6379");
  }
  return ReadPort(text.substr(1), quotable, url);
}

absl::Status ReadParameter(absl::string_view text, Url* url) {
  const std::pair<absl::string_view, absl::string_view> cut = absl::StrSplit(text, absl::MaxSplits('=', 1));
  absl::optional<std::string> name = PercentDecode(cut.first);
  absl::optional<std::string> value = PercentDecode(cut.second);
  if (!name.has_value() || !value.has_value()) {
    return BadUrl("a parameter has a '%' without two hexadecimal digits; write '%' as %25");
  }
  if (name->empty()) return BadUrl("a parameter has no name; expected ?name=value&name=value");
  for (const auto& earlier : url->parameters) {
    if (earlier.first == *name) return BadUrl(absl::StrCat("parameter ", Quoted(*name), " is given twice"));
  }
  url->parameters.emplace_back(*std::move(name), *std::move(value));
  return absl::OkStatus();
}

absl::Status ReadParameters(absl::string_view query, Url* url) {
  if (query.empty()) return absl::OkStatus();
  for (const absl::string_view parameter : absl::StrSplit(query, '&')) {
    const absl::Status status = ReadParameter(parameter, url);
    if (!status.ok()) return status;
  }
  return absl::OkStatus();
}

}  // namespace

absl::optional<std::string> PercentDecode(absl::string_view text) {
  std::string decoded;
  decoded.reserve(text.size());
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '%') {
      decoded.push_back(text[i]);
      continue;
    }
    if (text.size() - i < 3) return absl::nullopt;
    const int high = HexDigit(text[i + 1]);
    const int low = HexDigit(text[i + 2]);
    if (high < 0 || low < 0) return absl::nullopt;
    decoded.push_back(static_cast<char>(high * 16 + low));
    i += 2;
  }
  return decoded;
}

absl::StatusOr<Url> ParseUrl(absl::string_view text) {
  const absl::StatusOr<Pieces> pieces = Cut(text);
  if (!pieces.ok()) return pieces.status();
  Url url;
  url.scheme = absl::AsciiStrToLower(pieces->scheme);
  absl::Status status;
  if (pieces->user_info.has_value()) status = ReadUserInfo(*pieces->user_info, &url);
  if (status.ok()) status = ReadHostAndPort(pieces->host_and_port, pieces->user_info.has_value(), &url);
  if (!status.ok()) return status;
  const absl::optional<std::string> path = PercentDecode(pieces->path);
  if (!path.has_value()) return BadUrl("the path has a '%' without two hexadecimal digits; write '%' as %25");
  url.path = *path;
  status = ReadParameters(pieces->query, &url);
  if (!status.ok()) return status;
  return url;
}

}  // namespace nearcache::internal
