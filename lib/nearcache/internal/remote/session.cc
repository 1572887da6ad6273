#include "nearcache/internal/remote/session.h"

#include <algorithm>

namespace nearcache::internal::remote {

std::ostream& operator<<(std::ostream& out, const SessionActions& actions) {
  out << "{" << (actions.session_changed ? " session_changed" : "") << (actions.channel_lost ? " channel_lost" : "")
      << (actions.start_probe ? " start_probe" : "") << (actions.channel_up ? " channel_up" : "");
  if (actions.reset_link.has_value()) {
    out << " reset " << (*actions.reset_link == LinkRole::kData ? "data" : "channel") << " after "
        << actions.reset_pause;
  }
  return out << " }";
}

// True if it was up.
bool Session::TakeChannelDown() {
  const bool was_up = state_ == State::kUp;
  state_ = State::kDown;
  return was_up;
}

SessionActions Session::OnReady(LinkRole role, absl::string_view run_id) {
  SessionActions actions;
  ++link(role).connection_number;
  link(role).run_id = std::string(run_id);
  if (run_id_ != run_id) {
    actions.session_changed = !run_id_.empty();
    actions.channel_lost = TakeChannelDown();
    run_id_ = std::string(run_id);
  }
  if (data_.run_id.empty() || channel_.run_id.empty()) return actions;
  if (data_.run_id == channel_.run_id) {
    mismatches_ = 0;
    if (state_ == State::kDown) {
      state_ = State::kProbing;
      actions.start_probe = true;
    }
    return actions;
  }
  actions.reset_link = role == LinkRole::kData ? LinkRole::kChannel : LinkRole::kData;
  if (mismatches_ > 0) {
    actions.reset_pause = std::min(kFirstResetPause * (1 << std::min(mismatches_ - 1, 10)), kResetPauseMax);
  }
  ++mismatches_;
  return actions;
}

SessionActions Session::OnDown(LinkRole role) {
  SessionActions actions;
  link(role).run_id.clear();
  if (role == LinkRole::kChannel || state_ == State::kProbing) actions.channel_lost = TakeChannelDown();
  return actions;
}

SessionActions Session::OnProbeHeard() {
  SessionActions actions;
  actions.channel_up = state_ == State::kProbing;
  if (actions.channel_up) state_ = State::kUp;
  return actions;
}

SessionActions Session::OnProbeLost() {
  SessionActions actions;
  if (state_ == State::kProbing) actions.reset_link = LinkRole::kChannel;
  return actions;
}

}  // namespace nearcache::internal::remote
