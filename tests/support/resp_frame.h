// Where a RESP frame ends, for servers and proxies of tests. Understands what honest sides send.

#ifndef NEARCACHE_TESTS_SUPPORT_RESP_FRAME_H_
#define NEARCACHE_TESTS_SUPPORT_RESP_FRAME_H_

#include <cstddef>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"

namespace nearcache::testing {

// Size of the first whole frame (a command, reply or push) of `bytes`; 0 while it is not all there.
size_t RespFrameSize(absl::string_view bytes);

// The arguments of a command that is one whole frame; empty if it is none.
std::vector<std::string> ParseCommand(absl::string_view frame);

}  // namespace nearcache::testing

#endif  // NEARCACHE_TESTS_SUPPORT_RESP_FRAME_H_
