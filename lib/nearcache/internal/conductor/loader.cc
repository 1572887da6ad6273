#include "nearcache/internal/conductor/loader.h"

#include <atomic>
#include <utility>

#include "absl/strings/str_cat.h"
#include "nearcache/internal/conductor/arguments.h"

namespace nearcache::internal::conductor {
namespace {

using local::ReadOutcome;
using local::ReadStart;

// The loaders that run on this thread, the innermost first.
struct LoadFrame {
  const LoadContext* context;
  absl::string_view key;
  const LoadFrame* outer;
};
thread_local const LoadFrame* innermost_load = nullptr;

// One GetOrLoad that memory did not answer.
class Load : public std::enable_shared_from_this<Load> {
 public:
  Load(LoadContextRef context, const LoadRequest& request)
      : context_(std::move(context)),
        key_bytes_(request.key.key),
        request_(request),
        key_{key_bytes_, request.key.hash} {}
  virtual ~Load() = default;

  // Looks who has to do what. Any thread, under no lock.
  void Begin();

 protected:
  // It is this caller's turn to run its loader. False: the caller is gone.
  virtual bool GiveTurn() = 0;
  // The answer, before or after this caller's own loader ran.
  virtual void Finish(ReadResult result) = 0;
  virtual void FinishLoaded(ReadResult result) = 0;
  virtual bool CallerIsGone() const = 0;

  // Once, after GiveTurn.
  void RunLoader(LoadFunction loader);

  const LoadContext& context() const { return *context_; }
  MonotonicNanos deadline() const { return request_.deadline; }

  // What the loader returned; for a caller whose deadline passes while it is being stored.
  absl::optional<Value> loaded_;

 private:
  void OnJoined(const ReadOutcome& outcome);
  void ReadRemote();
  void OnRead(LoadReading reading);
  absl::StatusOr<std::string> CallLoader(LoadFunction loader);
  void OnLoaded(std::string bytes, MonotonicNanos began_at);
  void OnLoaderFailed(const absl::Status& failure);
  void CompleteFlight(const ReadOutcome& outcome);

  const LoadContextRef context_;
  const std::string key_bytes_;
  const LoadRequest request_;
  const HashedKey key_;
  local::FlightRef flight_;  // Set while this load leads.
  absl::optional<Value> stale_;
  bool remote_answered_ = false;
  bool began_ = false;  // Once at least; who joined in vain begins again.
};

void Load::Begin() {
  local::Waiter waiter = [self = shared_from_this()](const ReadOutcome& outcome) { self->OnJoined(outcome); };
  const bool first_time = !std::exchange(began_, true);
  const MonotonicNanos now = context_->clock->Now();
  // From here on a flight that was joined may begin this again, on another thread.
  ReadStart start = context_->tier->BeginRead(key_, now, local::FlightKind::kLoad, &waiter);
  if (first_time && start.role != ReadStart::Role::kHit) context_->counters->local_misses.Increment();
  switch (start.role) {
    case ReadStart::Role::kHit:
      Finish(ReadResult(std::move(start.value), start.info, Source::kLocal));
      break;
    case ReadStart::Role::kJoin:
      break;
    case ReadStart::Role::kLead:
      flight_ = std::move(start.flight);
      ReadRemote();
      break;
    case ReadStart::Role::kBypass:
      ReadRemote();
      break;
  }
}

void Load::OnJoined(const ReadOutcome& outcome) {
  const bool failed_load = !outcome.status.ok() && outcome.loaded;
  if (failed_load || absl::IsCancelled(outcome.status)) {
    Finish(ReadResult(outcome.status));
  } else if (outcome.status.ok() && outcome.found) {
    Finish(ReadResult(outcome.value, outcome.info, outcome.loaded ? Source::kLoader : Source::kRemote));
  } else if (!CallerIsGone()) {
    Begin();  // It was a plain read, or its leader gave up.
  }
}

void Load::ReadRemote() {
  // Half of the time is for the loader: a remote tier that does not answer must not use up all of it.
  const MonotonicNanos now = context_->clock->Now();
  const MonotonicNanos read_deadline = request_.deadline == kNever ? kNever : now + (request_.deadline - now) / 2;
  context_->ways->ReadForLoad(key_, flight_, read_deadline,
                              [self = shared_from_this()](LoadReading reading) { self->OnRead(std::move(reading)); });
}

void Load::OnRead(LoadReading reading) {
  if (reading.final) {
    Finish(std::move(reading.result));
    return;
  }
  remote_answered_ = absl::IsNotFound(reading.result.status);
  stale_ = std::move(reading.stale);
  if (GiveTurn()) return;
  ReadOutcome given_up;
  given_up.loaded = true;
  CompleteFlight(given_up);
}

void Load::CompleteFlight(const ReadOutcome& outcome) {
  if (flight_ != nullptr) context_->tier->CompleteRead(flight_, outcome);
}

absl::StatusOr<std::string> Load::CallLoader(LoadFunction loader) {
  const LoadFrame frame{context_.get(), key_bytes_, innermost_load};
  innermost_load = &frame;
  absl::StatusOr<std::string> bytes = std::move(loader)(key_bytes_);
  innermost_load = frame.outer;
  return bytes;
}

void Load::RunLoader(LoadFunction loader) {
  context_->counters->loads.Increment();
  const MonotonicNanos began_at = context_->clock->Now();
  absl::StatusOr<std::string> bytes = CallLoader(std::move(loader));
  if (bytes.ok()) {
    const absl::Status checked = CheckValue(key_bytes_, *bytes, context_->options->limits);
    if (!checked.ok()) bytes = checked;
  }
  if (bytes.ok()) {
    OnLoaded(*std::move(bytes), began_at);
  } else {
    OnLoaderFailed(bytes.status());
  }
}

void Load::OnLoaderFailed(const absl::Status& failure) {
  // That the source has no such thing is its answer, and no failure.
  const bool failed = !absl::IsNotFound(failure);
  if (failed) context_->counters->loads_failed.Increment();
  ReadOutcome outcome;
  outcome.loaded = true;
  ReadResult result(failure);
  if (failed && stale_.has_value()) {
    outcome.found = true;
    outcome.value = *stale_;
    outcome.info.fetched_at = context_->clock->Now();
    outcome.info.expires_at = outcome.info.fetched_at - 1;  // Delivered, never kept.
    result = ReadResult(*stale_, outcome.info, Source::kRemote);
  } else {
    outcome.status = failure;
  }
  CompleteFlight(outcome);
  FinishLoaded(std::move(result));
}

void Load::OnLoaded(std::string bytes, MonotonicNanos began_at) {
  loaded_ = Value::Adopt(std::move(bytes));
  LoadedValue loaded;
  loaded.value = *loaded_;
  loaded.began_at = began_at;
  loaded.time_to_live = request_.time_to_live;
  loaded.keep_local = request_.keep_local;
  loaded.store = remote_answered_;
  loaded.deadline = AddDuration(context_->clock->Now(), context_->options->remote.command_timeout);
  context_->ways->StoreLoaded(key_, flight_, std::move(loaded),
                              [self = shared_from_this(), value = *loaded_](local::EntryInfo info) {
                                self->FinishLoaded(ReadResult(value, info, Source::kLoader));
                              });
}

// --- The caller waits on its own thread

struct Turn {
  Turn() = default;
  explicit Turn(const absl::Status& failure) : result(failure) {}
  explicit Turn(ReadResult answer) : result(std::move(answer)) {}
  bool run_loader = false;
  ReadResult result;
};

class BlockingLoad final : public Load {
 public:
  using Load::Load;

  ReadResult Run(LoadFunction loader) {
    context().timekeeper->Add(deadline(), turn_);
    Begin();
    Turn turn =
        turn_->Await(*context().clock, deadline(), [] { return Turn(DeadlinePassed("the key was being loaded")); });
    if (!turn.run_loader) return std::move(turn.result);
    RunLoader(std::move(loader));
    return stored_->Await(*context().clock, deadline(), [this] { return Late(); });
  }

 private:
  // The deadline passed while the loaded value was on its way to the remote tier. A failed loader
  // has answered already.
  ReadResult Late() const {
    local::EntryInfo info;
    info.fetched_at = context().clock->Now();
    return ReadResult(loaded_.value_or(Value()), info, Source::kLoader);
  }

  bool GiveTurn() override {
    Turn turn;
    turn.run_loader = true;
    return turn_->Finish(std::move(turn));
  }
  void Finish(ReadResult result) override { turn_->Finish(Turn(std::move(result))); }
  void FinishLoaded(ReadResult result) override { stored_->Finish(std::move(result)); }
  bool CallerIsGone() const override { return turn_->finished(); }

  const std::shared_ptr<BlockingCall<Turn>> turn_ = std::make_shared<BlockingCall<Turn>>(CallSlot());
  const std::shared_ptr<BlockingCall<ReadResult>> stored_ = std::make_shared<BlockingCall<ReadResult>>(CallSlot());
};

// --- The caller left a callback

class AsyncLoad final : public Load {
 public:
  AsyncLoad(LoadContextRef context, const LoadRequest& request, LoadFunction loader, std::shared_ptr<ReadCall> call)
      : Load(std::move(context), request), loader_(std::move(loader)), call_(std::move(call)) {}

 private:
  bool GiveTurn() override {
    if (call_->finished()) return false;
    auto self = std::static_pointer_cast<AsyncLoad>(shared_from_this());
    context().runner->Schedule([self] { self->RunLoader(std::move(self->loader_)); });
    return true;
  }
  void Finish(ReadResult result) override { call_->Finish(std::move(result)); }
  void FinishLoaded(ReadResult result) override { call_->Finish(std::move(result)); }
  bool CallerIsGone() const override { return call_->finished(); }

  LoadFunction loader_;
  const std::shared_ptr<ReadCall> call_;
};

}  // namespace

ReadResult LoadBlocking(const LoadContextRef& context, const LoadRequest& request, LoadFunction loader) {
  return std::make_shared<BlockingLoad>(context, request)->Run(std::move(loader));
}

void LoadAsync(const LoadContextRef& context, const LoadRequest& request, LoadFunction loader,
               const std::shared_ptr<ReadCall>& call) {
  // The loader has no deadline of its own, so the call gets one in any case.
  context->timekeeper->Add(request.deadline, call);
  std::make_shared<AsyncLoad>(context, request, std::move(loader), call)->Begin();
}

absl::Status CheckNotLoading(const LoadContext& context, absl::string_view key) {
  for (const LoadFrame* frame = innermost_load; frame != nullptr; frame = frame->outer) {
    if (frame->context == &context && frame->key == key) {
      return absl::FailedPreconditionError(
          absl::StrCat("the loader of key ", QuoteKey(key), " loads that key itself, and would wait for itself"));
    }
  }
  return absl::OkStatus();
}

}  // namespace nearcache::internal::conductor
