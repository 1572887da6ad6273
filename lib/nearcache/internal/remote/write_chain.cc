#include "nearcache/internal/remote/write_chain.h"

#include <algorithm>
#include <cassert>
#include <utility>

namespace nearcache::internal::remote {

void WriteChain::Append(absl::string_view bytes) {
  if (bytes.empty()) return;
  appended_offset_ += bytes.size();
  if (bytes.size() < kBorrowedBytesMin) return AppendToBlock(bytes);
  parts_.emplace_back();
  parts_.back().borrowed = bytes;
}

void WriteChain::AppendSent(absl::string_view bytes, size_t sent) {
  assert(pending_bytes() == 0 && sent <= bytes.size());
  appended_offset_ += sent;
  sent_offset_ += sent;
  Append(bytes.substr(sent));
}

void WriteChain::AppendToBlock(absl::string_view bytes) {
  const bool fits =
      !parts_.empty() && parts_.back().borrowed.empty() && parts_.back().block.size() + bytes.size() <= kBlockBytes;
  if (!fits) {
    parts_.emplace_back();
    parts_.back().block = std::exchange(spare_, std::string());
    parts_.back().block.reserve(kBlockBytes);
  }
  parts_.back().block.append(bytes.data(), bytes.size());
}

size_t WriteChain::Next(absl::Span<iovec> parts) const {
  const size_t count = std::min(parts.size(), parts_.size());
  size_t skip = front_consumed_;
  for (size_t i = 0; i < count; ++i) {
    const absl::string_view bytes = parts_[i].bytes().substr(skip);
    parts[i].iov_base = const_cast<char*>(bytes.data());
    parts[i].iov_len = bytes.size();
    skip = 0;
  }
  return count;
}

void WriteChain::Consume(size_t bytes) {
  sent_offset_ += bytes;
  front_consumed_ += bytes;
  while (!parts_.empty() && front_consumed_ >= parts_.front().bytes().size()) DropFront();
}

void WriteChain::DropFront() {
  Part& front = parts_.front();
  front_consumed_ -= front.bytes().size();
  if (front.borrowed.empty()) {
    spare_ = std::move(front.block);
    spare_.clear();
  }
  parts_.pop_front();
}

}  // namespace nearcache::internal::remote
