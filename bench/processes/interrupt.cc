#include "bench/processes/interrupt.h"

#include <signal.h>

namespace nearcache::bench {
namespace {

volatile sig_atomic_t interrupted = 0;

void NoteInterrupt(int /*signal*/) { interrupted = 1; }

void Handle(int signal, void (*handler)(int)) {
  struct sigaction action = {};
  action.sa_handler = handler;
  sigaction(signal, &action, nullptr);
}

}  // namespace

void CatchInterrupts() {
  Handle(SIGINT, NoteInterrupt);
  Handle(SIGTERM, NoteInterrupt);
  Handle(SIGHUP, NoteInterrupt);
  Handle(SIGPIPE, SIG_IGN);
}

bool Interrupted() { return interrupted != 0; }

}  // namespace nearcache::bench
