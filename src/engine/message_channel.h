#pragma once
// Messages between processes: JSON over a stream socket, each behind its length in bytes (4, big endian).

#include <chrono>
#include <mutex>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>

namespace millrace::engine {

/// To wait for a process whose work may take any time: its end closes the channel.
inline constexpr std::chrono::hours any_time{24};

/// One end of a socket. One thread receives; send() is thread-safe.
class MessageChannel {
  public:
    /// Owns `socket`.
    explicit MessageChannel(int socket) : socket_(socket) {}
    ~MessageChannel();
    MessageChannel(const MessageChannel&) = delete;
    MessageChannel& operator=(const MessageChannel&) = delete;
    MessageChannel(MessageChannel&&) = delete;
    MessageChannel& operator=(MessageChannel&&) = delete;

    /// False: the other end is gone. Throws Error(failed) for anything else.
    bool send(const nlohmann::json& message);

    enum class Received { message, nothing, closed };
    /// Waits for a message at most `timeout`. Throws Error(failed) for what is none.
    [[nodiscard]] Received receive(nlohmann::json& message, std::chrono::milliseconds timeout);

    [[nodiscard]] int native() const { return socket_; }

  private:
    /// A whole message of those bytes that are there.
    [[nodiscard]] std::optional<std::string> take();

    int socket_;
    std::mutex sending_;
    std::string received_;
};

}  // namespace millrace::engine
