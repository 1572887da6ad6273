#include "nearcache/internal/coherence/channel_action.h"

#include "absl/strings/str_join.h"

namespace nearcache::internal::coherence {
namespace {

absl::string_view PurposeName(ReadPurpose purpose) {
  switch (purpose) {
    case ReadPurpose::kBase:
      return "base";
    case ReadPurpose::kHeartbeat:
      return "heartbeat";
    case ReadPurpose::kOnDemand:
      return "on demand";
  }
  return "?";
}

struct Printer {
  std::ostream& out;

  void operator()(const ReadLane& a) const {
    out << "ReadLane(" << PurposeName(a.purpose) << ", #" << a.ticket << ", until " << a.deadline << ")";
  }
  void operator()(const EnsureEpoch& a) const { out << "EnsureEpoch(#" << a.ticket << ", until " << a.deadline << ")"; }
  void operator()(const OpenGeneration& a) const { out << "OpenGeneration(until " << a.deadline << ")"; }
  void operator()(const RenewLease& a) const { out << "RenewLease(until " << a.deadline << ")"; }
  void operator()(const CloseGeneration& a) const { out << "CloseGeneration(" << CloseCauseName(a.cause) << ")"; }
  void operator()(const ApplyInvalidations& a) const {
    out << "ApplyInvalidations(";
    for (const MessageChange& change : a.changes) out << "[" << change.key << " by " << change.id << "]";
    out << ")";
  }
  void operator()(const ApplyTouches& a) const {
    out << "ApplyTouches(";
    for (const Touch& touch : a.touches) out << "[" << touch.key << " after " << touch.echo_of << "]";
    out << ")";
  }
  void operator()(const ForgetKeys& a) const { out << "ForgetKeys(" << absl::StrJoin(a.keys, ", ") << ")"; }
  void operator()(const ApplyClear& a) const { out << "ApplyClear(" << a.epoch << ")"; }
  void operator()(const DropLocal&) const { out << "DropLocal"; }
  void operator()(const AnnounceLoss& a) const {
    out << "AnnounceLoss(" << a.number << ", until " << a.deadline << ")";
  }
  void operator()(const ResetChannel& a) const { out << "ResetChannel(" << CloseCauseName(a.cause) << ")"; }
  void operator()(const ResetSession& a) const { out << "ResetSession(" << CloseCauseName(a.cause) << ")"; }
  void operator()(const SetTimer& a) const { out << "SetTimer(" << a.at << ")"; }
  void operator()(const CompleteSync& a) const {
    out << "CompleteSync(" << absl::StrJoin(a.ids, ", ") << (a.ok ? ": ok)" : ": too late)");
  }
};

}  // namespace

absl::string_view CloseCauseName(CloseCause cause) {
  switch (cause) {
    case CloseCause::kGap:
      return "a message was missed";
    case CloseCause::kChannelLost:
      return "the invalidation channel was lost";
    case CloseCause::kHeartbeatTimeout:
      return "a change that the server shows was not heard within the bound";
    case CloseCause::kLaneMissing:
      return "the server lost the lane register";
    case CloseCause::kLaneRegressed:
      return "the lane register went back behind an operation that is known here";
    case CloseCause::kEpochChanged:
      return "the namespace's epoch changed without a Clear";
    case CloseCause::kServerLeft:
      return "the server refuses writes or is no primary";
    case CloseCause::kSuspended:
      return "the machine was suspended";
    case CloseCause::kFlushed:
      return "a database of the server was flushed";
  }
  return "?";
}

bool operator==(const ReadLane& a, const ReadLane& b) {
  return a.purpose == b.purpose && a.ticket == b.ticket && a.deadline == b.deadline;
}
bool operator==(const EnsureEpoch& a, const EnsureEpoch& b) { return a.ticket == b.ticket && a.deadline == b.deadline; }
bool operator==(const OpenGeneration& a, const OpenGeneration& b) { return a.deadline == b.deadline; }
bool operator==(const RenewLease& a, const RenewLease& b) { return a.deadline == b.deadline; }
bool operator==(const CloseGeneration& a, const CloseGeneration& b) { return a.cause == b.cause; }
bool operator==(const ApplyInvalidations& a, const ApplyInvalidations& b) { return a.changes == b.changes; }
bool operator==(const Touch& a, const Touch& b) { return a.key == b.key && a.echo_of == b.echo_of; }
bool operator==(const ApplyTouches& a, const ApplyTouches& b) { return a.touches == b.touches; }
bool operator==(const ForgetKeys& a, const ForgetKeys& b) { return a.keys == b.keys; }
bool operator==(const ApplyClear& a, const ApplyClear& b) { return a.epoch == b.epoch; }
bool operator==(const DropLocal&, const DropLocal&) { return true; }
bool operator==(const AnnounceLoss& a, const AnnounceLoss& b) {
  return a.number == b.number && a.deadline == b.deadline;
}
bool operator==(const ResetChannel& a, const ResetChannel& b) { return a.cause == b.cause; }
bool operator==(const ResetSession& a, const ResetSession& b) { return a.cause == b.cause; }
bool operator==(const SetTimer& a, const SetTimer& b) { return a.at == b.at; }
bool operator==(const CompleteSync& a, const CompleteSync& b) { return a.ids == b.ids && a.ok == b.ok; }

std::ostream& operator<<(std::ostream& out, const Action& action) {
  std::visit(Printer{out}, action);
  return out;
}

}  // namespace nearcache::internal::coherence
