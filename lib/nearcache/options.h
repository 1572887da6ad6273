// Everything that can be set about a Cache, in one plain struct.
//
// Fill it in code, or start from a URL (Options::FromUrl) or from the environment
// (Options::FromEnvironment) and go on in code. Cache::Open validates all of it and names the
// field, the value and the limit that was broken; Validate() does the same without opening
// anything. An Options may be copied freely and is read once, by Open.
//
// The defaults are meant to be kept: for most services a URL, a key_prefix and local.capacity_bytes
// are all there is to say. Each field says its effect, its unit, the direction of the trade, and
// when to leave it alone.

#ifndef NEARCACHE_OPTIONS_H_
#define NEARCACHE_OPTIONS_H_

#include <cstddef>
#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "nearcache/coherence_event.h"
#include "nearcache/executor.h"
#include "nearcache/remote_event.h"
#include "nearcache/removal.h"

namespace nearcache {

// What a read does with entries in memory while the invalidation channel is down.
enum class LinkDownPolicy {
  kServeWithinBound,  // Serve them for at most staleness_bound after they were last known to be
                      // fresh. The default.
  kGoRemote,          // Drop them at once; every read asks the remote tier until the channel is back.
  kFail,              // Drop them at once; reads that the remote tier cannot answer fail with kUnavailable, as
                      // always, and so do all others until the channel is back.
};

// Which entry leaves memory when room is needed. Both count hits in the entry itself and move nothing at a hit.
enum class LocalPolicy {
  kLru,            // Least recently used, with a second chance for what was read since it was last looked at.
  kScanResistant,  // Newcomers wait in a small queue, so that keys asked for once do not drive out those asked for
                   // again; its share of memory adapts to the load. About five bytes more per entry. The default.
};

// The memory of this process.
struct LocalOptions {
  // Hard bound, in bytes, on all that the local tier holds: keys, values, headers, table, allocator
  // rounding. More: a higher hit share. 0 turns the local tier off (sessions, values that must
  // never be stale). At least 1 MiB otherwise.
  size_t capacity_bytes = size_t{64} << 20;

  // An entry above this many bytes (key, value and header) is passed through and not kept, so that
  // one huge value cannot push out thousands. At most capacity_bytes / kEntriesMin.
  size_t entry_bytes_max = size_t{1} << 20;
  static constexpr size_t kEntriesMin = 16;

  // Longest time an entry stays in memory, whatever its own time to live. A backstop only:
  // coherence does not rest on it. Longer: fewer remote reads. Leave alone unless strangers write
  // the namespace behind the library's back and coherence.foreign_writers cannot be used.
  absl::Duration time_to_live_max = absl::Minutes(5);

  // Leave at kScanResistant, which has more hits on nearly every load (lib/DESIGN.md gives figures), unless keys are
  // asked for in rows that run forth and back again.
  LocalPolicy policy = LocalPolicy::kScanResistant;

  // An entry that nobody read from memory for this long is gone from memory; the remote tier keeps it. Shorter: memory
  // for others. It may go up to a sixteenth of that time early, never late. At least 1 ms; infinite, the default, costs
  // nothing.
  absl::Duration idle_timeout = absl::InfiniteDuration();

  // Up to this part of its life in memory, drawn per entry, is taken off, so that what was stored together does not end
  // together. 0, the default, to 1. The life in the remote tier stays as it is.
  double time_to_live_jitter = 0;

  // Number of stripes, each with its own lock for writers; a power of two, or 0 to choose 8 per
  // hardware thread. Leave alone unless a profile shows writers waiting.
  int stripe_count = 0;

  // Hears of every entry that left memory, with the cause (removal.h). Called on the executor, one removal after the
  // other in their order, under no lock of the library, a moment after the entry was gone: at once under load, within
  // some tenths of a second without. It may use the cache, and may even destroy it; it must not throw. What is removed
  // while it is busy waits in a queue with the two bounds below; above them removals are dropped and counted
  // (CacheStats::removals_dropped), so a listener that blocks holds up nobody, and learns that it missed something.
  // Close waits for it like for any callback. Empty: nobody is told, and nothing is paid for it.
  RemovalListener removal_listener;

  // Removals that may wait for the listener, and bytes of their keys and values: they are held beside capacity_bytes.
  // At least 1 each; more: fewer removals dropped in a burst.
  size_t removal_queue_entries_max = 8192;
  size_t removal_queue_bytes_max = size_t{16} << 20;
};

// The circuit breaker in front of the server. When most of the latest calls failed or were slow, further ones end at
// once with kUnavailable and nothing is sent, until a few probes have been answered well. While it is open:
//
//   reads         memory answers as always (heartbeats go on, and with them the lease); the others end at once, and
//                 GetOrLoad runs its loader
//   changes       Set, Add, Replace, Increment, Touch, Persist and Execute end at once, certainly not executed, and
//   leave
//                 memory as it was
//   invalidations Delete, DeleteMany, Expire and Clear are sent all the same, if there is a connection in time: others
//                 would go on serving what they take away
//
// A call of less patience than slow_call counts by its reply, however late, not by its deadline. Leave alone.
struct BreakerOptions {
  bool enabled = true;

  // How far it looks back, in ten steps; and how many calls must have ended in that time before it judges. Longer,
  // more: slower to open, and less nervous. At least 100 ms, at least 1.
  absl::Duration window = absl::Seconds(10);
  int calls_min = 20;

  // Share of these calls that must have been bad for it to open: failed, or slower than slow_call. Above 0, to 1.
  double bad_share = 0.5;

  // A call that takes longer is bad, even if it is answered. If it is longer than remote.command_timeout, that counts.
  absl::Duration slow_call = absl::Milliseconds(500);

  // Longest pause before the first probes (a random part, half to all of it); doubles with each that fails, up to
  // open_time_max. When the connection was lost, probes go as soon as it is back.
  absl::Duration open_time = absl::Milliseconds(500);
  absl::Duration open_time_max = absl::Seconds(5);

  // So many calls are let through as probes; all must be good for it to close. 1 to 1000.
  int probes = 5;
};

// The server and the way to it.
struct RemoteOptions {
  // Host name or address of the server, or empty when unix_socket is set or there is no remote
  // tier.
  std::string host;
  int port = 6379;

  // Path of the server's unix socket; takes the place of host and port. Faster than TCP on the same
  // machine.
  std::string unix_socket;

  // ACL user; empty for the default user.
  std::string user;

  // Never printed, never part of an error.
  std::string password;

  // Database number, as in SELECT. Sharing a database between caches is fine; sharing a key_prefix
  // is not.
  int database = 0;

  // TLS to the server. Not built in yet: Validate refuses it with kUnimplemented.
  bool tls = false;

  // Shown by CLIENT LIST on the server.
  std::string client_name = "nearcache";

  // Longest time for name look-up, connect, TLS and the handshake together. Shorter: faster
  // detection of a dead server.
  absl::Duration connect_timeout = absl::Seconds(2);

  // Deadline of a call that was given none. Shorter: a slow server turns into misses sooner.
  absl::Duration command_timeout = absl::Seconds(1);

  // A connection whose oldest unanswered command is older than this is replaced, however much is
  // being written to it. Must be at least command_timeout.
  absl::Duration health_timeout = absl::Seconds(1);

  // Upper end of the random pause between two attempts to connect (full jitter, doubling from 20
  // ms). Longer: gentler on a server that comes back to a whole fleet.
  absl::Duration reconnect_backoff_max = absl::Seconds(2);

  // Attempts to connect that may begin within any second, for each of the two connections, whatever caused them. More:
  // back sooner after a server that flaps. Leave alone. 1 to 1000.
  int reconnects_per_second_max = 10;

  // Reads and deletes under which a connection broke are sent again for this share of the operations that succeed,
  // saved up to retries_max, which is also what a new cache has; beyond that budget they fail (kUnavailable, a delete:
  // outcome unknown), so that retries never multiply the load on a server in trouble. 0 of either: never. Share from 0
  // to 1, retries up to 1,000,000.
  double retry_share = 0.1;
  int retries_max = 1000;

  // Operations queued or in flight; above it calls fail at once with kResourceExhausted.
  size_t operations_max = 65536;

  // Bytes of commands queued or in flight; above it calls fail at once with kResourceExhausted.
  size_t queued_bytes_max = size_t{64} << 20;

  // The most that one reply may be, all of its parts together; a longer one is refused as soon as its length is known,
  // before anything is allocated, and the connection is replaced (kInternal). Only batches and Execute come near. At
  // least limits.value_bytes_max and 64 KiB.
  size_t reply_bytes_max = size_t{64} << 20;

  BreakerOptions breaker;

  // Sees each operation that ended (remote_event.h), for tracing: its name, server, duration and outcome, never a key
  // or a value. Called on the executor, never on the event loop; the rest as for on_event. At most 8192 operations (4
  // MiB) wait for it; what does not fit is dropped and counted (CacheStats::remote_operations_dropped). Calls that were
  // refused before they became an operation (limits, breaker) are not among them. Costs a lock and an allocation per
  // operation; empty: nobody looks, and nothing is paid for it.
  OperationListener on_operation;

  // Hears of connections that come and go and of the breaker (remote_event.h). Called on the executor, one event after
  // the other in their order. It may use the cache, and may even destroy it; it must not throw. At most 1024 events
  // (4 MiB) wait for it; what does not fit is dropped and counted (CacheStats::remote_events_dropped). Empty: nobody is
  // told.
  RemoteListener on_event;

  // 3 tries RESP3 and falls back; 2 never asks. Leave alone unless a proxy in between mishandles
  // HELLO.
  int resp_version = 3;
};

// How fresh a read is.
struct CoherenceOptions {
  // The bound Δ of the promise: a read never returns a value that had been replaced by an
  // acknowledged write more than this long ago, even if messages are lost, connections cut or this
  // process paused. Shorter: fresher when something breaks, a heartbeat every Δ/5 to the server. At
  // least 50 ms, at most 1 min.
  absl::Duration staleness_bound = absl::Seconds(1);

  LinkDownPolicy link_down_policy = LinkDownPolicy::kServeWithinBound;

  // Whether programs without this library write keys of this key_prefix and key_version: redis-cli, django-redis, any
  // client. Their changes then end the copies in memory as well, within the same staleness_bound: the server reports
  // every such key that changes, expires or is evicted (CLIENT TRACKING in broadcast mode, on the invalidation
  // connection). Costs: the server sends each changed key to each process a second time; a heartbeat makes three round
  // trips instead of one; an own write keeps its copy in memory for at most staleness_bound, then it is read once more;
  // more than 16,384 keys changed in one turn of the server, or a FLUSHDB of any database, drop all of memory. Needs
  // Redis 6 or newer, or Valkey, and the right +client|tracking (with RESP2 also +client|id and the channel
  // &__redis__:invalidate). Without them Open succeeds, the channel does not come up, Health says why, and memory is
  // used as link_down_policy says. Leave off where nobody else writes.
  bool foreign_writers = false;

  // For how long this process remembers its own acknowledged changes, to send their invalidations again when the server
  // may have lost them: another server answers than before (a promoted replica, a restart), or its history went back.
  // Without it, what such a change had replaced stays back until its time to live ends. For each key changed in that
  // time the new server is asked once; a value that is not this process' last write is deleted, also a newer one of
  // another process: a cache may miss. Increments are left alone. Longer than replicas lag, and than a fail-over takes;
  // 0 turns it off. At most 1 h.
  absl::Duration replay_window = absl::Seconds(30);

  // What is remembered for it at most: changes, and bytes of their keys with about 60 bytes each. Above either the
  // oldest are forgotten (CacheStats::replay_dropped). At least 1 each.
  size_t replay_entries_max = 65536;
  size_t replay_bytes_max = size_t{8} << 20;

  // Hears when memory begins or ceases to be vouched for, with the cause, and what the audit finds (coherence_event.h).
  // Called on the executor, one event after the other in their order. It may use the cache, and may even destroy it; it
  // must not throw. At most 1024 events (4 MiB) wait for it; what does not fit is dropped and counted
  // (CacheStats::coherence_events_dropped). Empty: nobody is told.
  CoherenceListener on_event;
};

// A check of the promise while it is relied on: some hits are compared with the remote tier in the background. A value
// counts as stale only if it had been replaced by a write that was executed longer ago than the staleness bound, by
// this process' own clock and two readings: a healthy cache never shows one. Alarm on CacheStats::audit_stale, or on
// CoherenceEvent::Kind::kStaleValue. What it finds behind is dropped from memory.
struct AuditOptions {
  // Share of the hits that is checked, 0 to 1; 0 turns it off, and then a hit pays nothing for it. A hundredth, or a
  // thousandth on busy services, is plenty: the limits below decide what is really read.
  double hit_share = 0;

  // What the audit may cost the server: reads, and bytes of values, per second of this process. At least 1 each.
  int reads_per_second_max = 100;
  size_t bytes_per_second_max = size_t{1} << 20;

  // Checks at the same time; one that finds a difference lasts a little longer than the staleness bound. 1 to 1024.
  int checks_max = 16;
};

// How values are stored in the remote tier.
struct CodecOptions {
  // Compress values of at least this many bytes with zstd, when that saves a tenth. 0 turns
  // compression off; larger saves processor time, smaller saves memory and network.
  size_t compression_threshold_bytes = 1024;

  // The level of zstd, 1 to 19. Leave alone: on values of a few KiB level 3 costs 12 to 25 % more time
  // than level 1 and saves about one percent; from 6 on the time is a multiple.
  int compression_level = 1;
};

// Limits of what a caller may store.
struct LimitOptions {
  // Longest key, in bytes. Keys are binary-safe; empty ones are refused.
  size_t key_bytes_max = 1024;

  // Longest value, in bytes, before compression; also the most that is accepted from the server. At
  // most 512 MiB.
  size_t value_bytes_max = size_t{8} << 20;

  // Calls of this cache that may wait for an answer at the same time; above it they fail with
  // kResourceExhausted.
  size_t calls_max = 65536;
};

struct Options {
  // The remote tier. With neither a host nor a unix socket there is none: the cache is local to
  // this process, and no option of remote, coherence or codec matters.
  RemoteOptions remote;

  LocalOptions local;
  CoherenceOptions coherence;
  AuditOptions audit;
  CodecOptions codec;
  LimitOptions limits;

  // First part of every key in Redis: `key_prefix:key_version:key`, as django-redis lays keys out.
  // It is the name of the coherence domain: all processes that share data must use the same, all
  // others another one. Up to 128 bytes, no spaces, control characters or braces.
  std::string key_prefix;

  // Second part of every key in Redis. Raise it when the meaning of the values changes: old entries
  // are then invisible, and expire by themselves. 0 to 2^31 - 1.
  int64_t key_version = 1;

  // Time to live of a value that was stored without one of its own.
  absl::Duration default_time_to_live = absl::Minutes(5);

  // Runs callbacks and loaders. Not owned, must outlive the cache. Null: threads of the library's
  // own.
  Executor* executor = nullptr;

  // Size of the library's own pool, when there is no executor: 1 to 64.
  int callback_threads = 2;

  // Whether there is a remote tier.
  bool has_remote() const { return !remote.host.empty() || !remote.unix_socket.empty(); }

  // Reads `redis://[user[:password]@]host[:port][/database][?parameter=value&…]`, `rediss://…`
  // (TLS) or `unix://[user[:password]@]/path[?database=n&…]`. User, password, path and parameter
  // values may be percent-encoded. Parameters: database, client_name, connect_timeout,
  // command_timeout, health_timeout, staleness_bound, foreign_writers (on, off), link_down_policy
  // (serve, go_remote, fail), replay_window, key_prefix, key_version, default_time_to_live, local_capacity (durations
  // as 250ms, 2s, 5m; sizes as 64MiB, 1GiB or bytes), resp, breaker (on, off), breaker_window, breaker_calls_min,
  // breaker_bad_share, breaker_slow_call, breaker_open_time, reconnects_per_second_max, retry_share, retries_max,
  // reply_bytes_max. What a URL cannot say, or does not, follows what it says: local.entry_bytes_max is lowered for a
  // small local_capacity, and health_timeout raised for a long command_timeout.
  //
  //   kInvalidArgument   the URL, or the named part of it, cannot be read; an unknown parameter
  //   (known ones are listed).
  //                      The text never contains the user info part.
  static absl::StatusOr<Options> FromUrl(absl::string_view url);

  // Reads the variables that Django deployments of the same Redis use already: REDIS_URL (as above;
  // unset or empty: no remote tier), REDIS_PASSWORD (when the URL has none), CACHE_TIMEOUT
  // (default_time_to_live in seconds), PROJECT_NAME (key_prefix, when the URL has none). Errors as
  // FromUrl, naming the variable.
  static absl::StatusOr<Options> FromEnvironment();

  // Ok, or kInvalidArgument naming the first field out of bounds, its value and the limit
  // (kUnimplemented for tls).
  absl::Status Validate() const;

  // All fields as `name=value` lines, the password as `***`.
  std::string ToString() const;
};

}  // namespace nearcache

#endif  // NEARCACHE_OPTIONS_H_
