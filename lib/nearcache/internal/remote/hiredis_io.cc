// The one file that knows hiredis: its parser behind ReplyParser, its sockets behind Transport.
//
// Not used of hiredis: async.c (its timer is re-armed by every write, a short push frame crashes it), redisReply (freed
// by recursion), and its writing (no MSG_NOSIGNAL).

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <algorithm>
#include <cstring>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "hiredis/hiredis.h"
#include "nearcache/internal/remote/reply_parser.h"
#include "nearcache/internal/remote/transport.h"

namespace nearcache::internal::remote {
namespace {

// A status, an error or a number never needs more; without a limit a line that does not end would fill the memory.
constexpr size_t kLineBytesMax = 64 << 10;
// A length is at most "-9223372036854775808".
constexpr size_t kLengthLineBytesMax = 32;
// Elements for which room is made at once when an array is announced; more come as they arrive.
constexpr size_t kReserveMax = 64;

absl::Status Fault(absl::string_view what) {
  return absl::InternalError(absl::StrCat("the server broke the protocol: ", what));
}

absl::Status OverLimit(absl::string_view what, uint64_t actual, absl::string_view limit, uint64_t allowed) {
  return absl::InternalError(
      absl::StrCat("the server sent a reply of ", actual, " ", what, ", the limit ", limit, " is ", allowed));
}

// --- Building replies. hiredis calls these; a null result stops it, and status() says why.

class ReplyBuilder {
 public:
  explicit ReplyBuilder(const ReplyLimits& limits) : limits_(limits) {}

  void* String(const redisReadTask* task, const char* bytes, size_t size) {
    // Guarded by hiredis: two bytes follow, it does not look at what they are.
    if (bytes[size] != '\r' || bytes[size + 1] != '\n') {
      return Refuse(Fault("a string does not end where it was announced to"));
    }
    if (size > limits_.bytes_max - bytes_) return RefuseBytes(size);
    bytes_ += size;
    const bool verbatim = task->type == REDIS_REPLY_VERB && size >= 4;
    const absl::string_view text = absl::string_view(bytes, size).substr(verbatim ? 4 : 0);
    Reply* const reply = Slot(task);
    reply->type = StringType(task->type);
    reply->string = Value::Copy(text);
    return reply;
  }

  void* Array(const redisReadTask* task, size_t count) {
    const bool push = task->type == REDIS_REPLY_PUSH;
    if (push && task->parent != nullptr) return Refuse(Fault("a push frame inside a reply"));
    if (Depth(task) > limits_.depth_max) {
      return Refuse(absl::InternalError(
          absl::StrCat("the server sent a reply nested deeper than reply_depth_max, ", limits_.depth_max)));
    }
    if (count > limits_.elements_max - elements_) {
      return Refuse(OverLimit("elements", elements_ + count, "reply_elements_max", limits_.elements_max));
    }
    elements_ += count;
    if (!KnownAggregate(task->type)) return Refuse(Fault("an aggregate of an unknown type"));
    Reply* const reply = Slot(task);
    reply->type = push ? Reply::Type::kPush : Reply::Type::kArray;
    reply->elements.reserve(std::min(count, kReserveMax));
    return reply;
  }

  void* Integer(const redisReadTask* task, Reply::Type type, int64_t value) {
    Reply* const reply = Slot(task);
    reply->type = type;
    reply->integer = value;
    return reply;
  }

  void* Double(const redisReadTask* task, double value) {
    Reply* const reply = Slot(task);
    reply->type = Reply::Type::kDouble;
    reply->number = value;
    return reply;
  }

  void* Nil(const redisReadTask* task) { return Slot(task); }

  // Whether a string announced with `size` bytes may still come.
  absl::Status CheckAnnounced(uint64_t size) const {
    if (size <= limits_.bytes_max - bytes_) return absl::OkStatus();
    return OverLimit("bytes", bytes_ + size, "reply_bytes_max", limits_.bytes_max);
  }

  Reply Take() {
    Reply reply = std::move(root_);
    root_ = Reply();
    bytes_ = 0;
    elements_ = 0;
    return reply;
  }

  const absl::Status& status() const { return status_; }

 private:
  // Elements live in their parent's vector. It may move them while it grows, which is safe: it grows only when the
  // element before is complete, and hiredis keeps pointers to open arrays alone.
  Reply* Slot(const redisReadTask* task) {
    if (task->parent == nullptr) return &root_;
    auto& siblings = static_cast<Reply*>(task->parent->obj)->elements;
    siblings.emplace_back();
    return &siblings.back();
  }

  static Reply::Type StringType(int type) {
    if (type == REDIS_REPLY_STATUS) return Reply::Type::kStatus;
    if (type == REDIS_REPLY_ERROR) return Reply::Type::kError;
    return Reply::Type::kString;
  }

  // Attributes are refused: hiredis gives one as if it were a reply, which would shift all later ones, and no server
  // sends them unasked.
  static bool KnownAggregate(int type) {
    return type == REDIS_REPLY_ARRAY || type == REDIS_REPLY_MAP || type == REDIS_REPLY_SET || type == REDIS_REPLY_PUSH;
  }

  static int Depth(const redisReadTask* task) {
    int depth = 0;
    for (; task != nullptr; task = task->parent) ++depth;
    return depth;
  }

  void* Refuse(absl::Status status) {
    status_ = std::move(status);
    return nullptr;
  }
  void* RefuseBytes(size_t size) { return Refuse(CheckAnnounced(size)); }

  const ReplyLimits limits_;
  Reply root_;
  size_t bytes_ = 0;
  size_t elements_ = 0;
  absl::Status status_;
};

ReplyBuilder* Builder(const redisReadTask* task) { return static_cast<ReplyBuilder*>(task->privdata); }
void* CreateString(const redisReadTask* task, char* bytes, size_t size) {
  return Builder(task)->String(task, bytes, size);
}
void* CreateArray(const redisReadTask* task, size_t count) { return Builder(task)->Array(task, count); }
void* CreateInteger(const redisReadTask* task, long long value) {
  return Builder(task)->Integer(task, Reply::Type::kInteger, value);
}
void* CreateDouble(const redisReadTask* task, double value, char*, size_t) {
  return Builder(task)->Double(task, value);
}
void* CreateNil(const redisReadTask* task) { return Builder(task)->Nil(task); }
void* CreateBool(const redisReadTask* task, int value) {
  return Builder(task)->Integer(task, Reply::Type::kBool, value);
}
// The tree belongs to the builder.
void FreeNothing(void*) {}

redisReplyObjectFunctions kFunctions = {CreateString, CreateArray, CreateInteger, CreateDouble,
                                        CreateNil,    CreateBool,  FreeNothing};

}  // namespace

class ReplyParser::Impl {
 public:
  explicit Impl(const ReplyLimits& limits) : builder_(limits), reader_(redisReaderCreateWithFunctions(&kFunctions)) {
    if (reader_ == nullptr) return;
    reader_->privdata = &builder_;
    // The builder counts. hiredis doubles the size of a map, which must not overflow before the builder sees it.
    reader_->maxelements = int64_t{1} << 40;
  }
  ~Impl() { redisReaderFree(reader_); }

  bool empty() const { return reader_ != nullptr && reader_->ridx < 0 && reader_->pos >= reader_->len; }
  size_t missing() const { return missing_; }

  absl::Status Feed(absl::string_view bytes) {
    if (!status_.ok()) return status_;
    if (reader_ == nullptr || redisReaderFeed(reader_, bytes.data(), bytes.size()) != REDIS_OK) {
      status_ = absl::InternalError("out of memory for the reply of the server");
    }
    return status_;
  }

  absl::StatusOr<bool> Next(Reply* reply) {
    if (!status_.ok()) return status_;
    if (empty()) return false;  // hiredis would begin a reply.
    void* root = nullptr;
    if (redisReaderGetReply(reader_, &root) != REDIS_OK) {
      status_ = builder_.status().ok() ? Fault(reader_->errstr) : builder_.status();
      return status_;
    }
    if (root != nullptr) {
      *reply = builder_.Take();
      return true;
    }
    status_ = CheckUnfinishedItem();
    if (!status_.ok()) return status_;
    return false;
  }

 private:
  // hiredis waits patiently for an item of any announced length, and for a line of any length. We do not. Tells also
  // how much hiredis is to get of what comes next, so that it does not keep all replies from then on to itself.
  absl::Status CheckUnfinishedItem() {
    missing_ = 0;
    if (reader_->ridx < 0 || reader_->pos >= reader_->len) return absl::OkStatus();
    const int type = reader_->task[reader_->ridx]->type;
    const absl::string_view rest(reader_->buf + reader_->pos, reader_->len - reader_->pos);
    const bool bulk = type == REDIS_REPLY_STRING || type == REDIS_REPLY_VERB;
    const bool line = type == REDIS_REPLY_STATUS || type == REDIS_REPLY_ERROR || type == REDIS_REPLY_DOUBLE ||
                      type == REDIS_REPLY_BIGNUM;
    const size_t line_end = bulk ? rest.find('\r') : absl::string_view::npos;
    if (line_end != absl::string_view::npos) return CheckBulk(rest, line_end);
    if (bulk && reader_->ridx == 0) missing_ = 1;
    const size_t line_max = line ? kLineBytesMax : kLengthLineBytesMax;
    if (rest.size() <= line_max) return absl::OkStatus();
    return Fault(absl::StrCat("a line does not end within ", line_max, " bytes"));
  }

  // `rest`: what hiredis has of a string, from its length on.
  absl::Status CheckBulk(absl::string_view rest, size_t line_end) {
    int64_t announced = 0;
    if (!absl::SimpleAtoi(rest.substr(0, line_end), &announced)) return Fault("bad bulk string length");
    const auto length = static_cast<uint64_t>(std::max(announced, int64_t{0}));
    absl::Status status = builder_.CheckAnnounced(length);
    const size_t whole = line_end + 2 + static_cast<size_t>(length) + 2;
    if (status.ok() && reader_->ridx == 0) missing_ = whole - std::min(whole, rest.size());
    return status;
  }

  ReplyBuilder builder_;
  redisReader* const reader_;
  absl::Status status_;
  size_t missing_ = 0;
};

ReplyParser::ReplyParser(const ReplyLimits& limits) : impl_(std::make_unique<Impl>(limits)) {}
ReplyParser::~ReplyParser() = default;
bool ReplyParser::empty() const { return impl_->empty(); }
size_t ReplyParser::missing() const { return impl_->missing(); }
absl::Status ReplyParser::Feed(absl::string_view bytes) { return impl_->Feed(bytes); }
absl::StatusOr<bool> ReplyParser::Next(Reply* reply) { return impl_->Next(reply); }

// --- Sockets
namespace {

// Probes after 15 s of silence, 5 s apart, three of them: a dead peer is noticed within 30 s even without traffic.
constexpr int kKeepAliveIdleSeconds = 15;
constexpr int kKeepAliveIntervalSeconds = 5;
constexpr int kKeepAliveProbes = 3;

absl::Status ErrnoStatus(absl::string_view call, int error) {
  return absl::UnavailableError(absl::StrCat(call, ": ", std::strerror(error)));
}

IoResult Failed(absl::Status status) { return {IoResult::Kind::kFailed, 0, std::move(status)}; }

void SetOption(int descriptor, int level, int option, int value) {
  // Best effort: a kernel without one of these options still moves bytes.
  (void)setsockopt(descriptor, level, option, &value, sizeof(value));
}

void TuneSocket(int descriptor, const TransportRequest& request) {
  (void)fcntl(descriptor, F_SETFD, FD_CLOEXEC);
  if (request.address.kind != Address::Kind::kTcp) return;
  SetOption(descriptor, IPPROTO_TCP, TCP_NODELAY, 1);
  SetOption(descriptor, SOL_SOCKET, SO_KEEPALIVE, 1);
  SetOption(descriptor, IPPROTO_TCP, TCP_KEEPIDLE, kKeepAliveIdleSeconds);
  SetOption(descriptor, IPPROTO_TCP, TCP_KEEPINTVL, kKeepAliveIntervalSeconds);
  SetOption(descriptor, IPPROTO_TCP, TCP_KEEPCNT, kKeepAliveProbes);
  SetOption(descriptor, IPPROTO_TCP, TCP_USER_TIMEOUT,
            static_cast<int>(absl::ToInt64Milliseconds(request.user_timeout)));
}

class PlainTransport final : public Transport {
 public:
  explicit PlainTransport(redisContext* context) : context_(context) {}
  ~PlainTransport() override { redisFree(context_); }

  int descriptor() const override { return context_->fd; }

  IoResult FinishConnect() override {
    int error = 0;
    socklen_t size = sizeof(error);
    if (getsockopt(descriptor(), SOL_SOCKET, SO_ERROR, &error, &size) != 0) error = errno;
    if (error != 0) return Failed(ErrnoStatus("connect", error));
    // A unix socket whose listener has no room left is not connecting at all, and reports no error either.
    sockaddr_storage peer;
    size = sizeof(peer);
    if (getpeername(descriptor(), reinterpret_cast<sockaddr*>(&peer), &size) != 0) {
      return Failed(ErrnoStatus("connect", errno));
    }
    return {IoResult::Kind::kDone, 0, absl::OkStatus()};
  }

  IoResult Read(char* buffer, size_t capacity) override {
    const ssize_t bytes = context_->funcs->read(context_, buffer, capacity);
    if (bytes > 0) return {IoResult::Kind::kDone, static_cast<size_t>(bytes), absl::OkStatus()};
    if (bytes == 0) return {IoResult::Kind::kWantRead, 0, absl::OkStatus()};
    if (context_->err == REDIS_ERR_EOF) return {IoResult::Kind::kClosed, 0, absl::OkStatus()};
    return Failed(absl::UnavailableError(absl::StrCat("read: ", context_->errstr)));
  }

  bool AllowsForeignWrites() const override { return true; }

  // Not through hiredis: it would copy into a buffer of its own, and raise SIGPIPE on a reset connection.
  IoResult Write(absl::Span<const iovec> parts) override {
    msghdr message{};
    message.msg_iov = const_cast<iovec*>(parts.data());
    message.msg_iovlen = parts.size();
    const ssize_t bytes = sendmsg(descriptor(), &message, MSG_NOSIGNAL);
    if (bytes > 0) return {IoResult::Kind::kDone, static_cast<size_t>(bytes), absl::OkStatus()};
    if (bytes == 0 || errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR) {
      return {IoResult::Kind::kWantWrite, 0, absl::OkStatus()};
    }
    return Failed(ErrnoStatus("write", errno));
  }

 private:
  redisContext* const context_;
};

}  // namespace

absl::StatusOr<std::unique_ptr<Transport>> OpenPlainTransport(const TransportRequest& request) {
  redisOptions options = {};
  options.options = REDIS_OPT_NONBLOCK;
  if (request.address.kind == Address::Kind::kTcp) {
    REDIS_OPTIONS_SET_TCP(&options, request.address.host.c_str(), request.address.port);
  } else {
    REDIS_OPTIONS_SET_UNIX(&options, request.address.path.c_str());
  }
  redisContext* const context = redisConnectWithOptions(&options);
  if (context == nullptr) return absl::ResourceExhaustedError("out of memory for a connection");
  if (context->err != 0) {
    absl::Status status = absl::UnavailableError(absl::StrCat("connect: ", context->errstr));
    redisFree(context);
    return status;
  }
  TuneSocket(context->fd, request);
  return std::unique_ptr<Transport>(new PlainTransport(context));
}

}  // namespace nearcache::internal::remote
