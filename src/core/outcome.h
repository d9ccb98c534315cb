#pragma once
// Expected outcomes of calls that move work along. Never exceptions.

namespace millrace::core {

/// Of giving an item to a stage. accepted: the stage owns it. full: nothing was taken; receive first.
enum class Feed { accepted, full };

/// Of asking a stage for a result. ready: the result is filled. needs_input: feed more. end: nothing will come again.
enum class Receive { ready, needs_input, end };

/// Of pushing into a bounded queue. cancelled: the item was not taken.
enum class Push { pushed, cancelled };

/// Of popping from a bounded queue. ended: closed and empty.
enum class Pop { popped, ended, cancelled };

}  // namespace millrace::core
