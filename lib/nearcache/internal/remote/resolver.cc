#include "nearcache/internal/remote/resolver.h"

#include <arpa/inet.h>
#include <netdb.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <algorithm>
#include <memory>
#include <utility>

#include "absl/strings/str_cat.h"
#include "nearcache/internal/remote/loop_thread.h"

namespace nearcache::internal::remote {
namespace {

absl::Status Failure(const Address& address, absl::string_view reason) {
  return absl::UnavailableError(absl::StrCat("the name ", address.host, " cannot be resolved: ", reason));
}

void AppendNumeric(const addrinfo& info, uint16_t port, std::vector<Address>* addresses) {
  char host[NI_MAXHOST];
  if (getnameinfo(info.ai_addr, info.ai_addrlen, host, sizeof(host), nullptr, 0, NI_NUMERICHOST) != 0) {
    return;
  }
  Address address = Address::Tcp(host, port);
  if (std::find(addresses->begin(), addresses->end(), address) == addresses->end()) {
    addresses->push_back(std::move(address));
  }
}

ResolvedAddresses LookUp(const Address& address) {
  addrinfo hints{};
  hints.ai_family = AF_UNSPEC;
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* list = nullptr;
  const int error = getaddrinfo(address.host.c_str(), nullptr, &hints, &list);
  if (error != 0) return Failure(address, gai_strerror(error));
  const std::unique_ptr<addrinfo, void (*)(addrinfo*)> owned(list, freeaddrinfo);
  std::vector<Address> addresses;
  for (const addrinfo* info = list; info != nullptr; info = info->ai_next) {
    AppendNumeric(*info, address.port, &addresses);
  }
  if (addresses.empty()) return Failure(address, "no usable address");
  return addresses;
}

struct LookUpTask {
  Address address;
  ResolveCallback done;
};

}  // namespace

bool IsNumeric(const Address& address) {
  if (address.kind == Address::Kind::kUnix) return true;
  in6_addr ignored;
  return inet_pton(AF_INET, address.host.c_str(), &ignored) == 1 ||
         inet_pton(AF_INET6, address.host.c_str(), &ignored) == 1;
}

void ResolveDetached(const Address& address, ResolveCallback done) {
  auto task = std::make_shared<LookUpTask>(LookUpTask{address, std::move(done)});
  const absl::Status started = RunDetached([task] { std::move(task->done)(LookUp(task->address)); });
  if (!started.ok()) std::move(task->done)(Failure(address, started.message()));
}

}  // namespace nearcache::internal::remote
