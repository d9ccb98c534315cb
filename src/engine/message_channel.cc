#include "engine/message_channel.h"

#include <fmt/format.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdint>
#include <cstring>
#include <nlohmann/json.hpp>
#include <string_view>

#include "core/error.h"

namespace millrace::engine {

namespace {

constexpr std::size_t length_bytes = 4;
constexpr std::uint32_t longest_message = std::uint32_t{1} << 28U;

[[noreturn]] void fail(const char* doing) {
    throw core::Error(core::ErrorCode::failed,
                      fmt::format("{} a process of this run failed: {}", doing, std::strerror(errno)));  // NOLINT
}

}  // namespace

MessageChannel::~MessageChannel() { ::close(socket_); }

bool MessageChannel::send(const nlohmann::json& message) {
    const std::string body = message.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
    std::string bytes;
    for (unsigned shift = 32; shift > 0; shift -= 8) bytes += static_cast<char>(body.size() >> (shift - 8) & 0xFFU);
    bytes += body;
    const std::lock_guard lock(sending_);
    for (std::string_view left = bytes; !left.empty();) {
        const ssize_t sent = ::send(socket_, left.data(), left.size(), MSG_NOSIGNAL);
        if (sent < 0 && errno == EINTR) continue;
        if (sent < 0 && (errno == EPIPE || errno == ECONNRESET)) return false;
        if (sent < 0) fail("writing to");
        left.remove_prefix(static_cast<std::size_t>(sent));
    }
    return true;
}

std::optional<std::string> MessageChannel::take() {
    if (received_.size() < length_bytes) return std::nullopt;
    std::uint32_t length = 0;
    for (std::size_t i = 0; i < length_bytes; ++i) length = length << 8U | static_cast<unsigned char>(received_[i]);
    if (length > longest_message) {
        throw core::Error(core::ErrorCode::failed, "a process of this run sent what is no message");
    }
    if (received_.size() < length_bytes + length) return std::nullopt;
    std::string body = received_.substr(length_bytes, length);
    received_.erase(0, length_bytes + length);
    return body;
}

MessageChannel::Received MessageChannel::receive(nlohmann::json& message, std::chrono::milliseconds timeout) {
    const auto until = std::chrono::steady_clock::now() + timeout;
    std::array<char, 1U << 16U> bytes{};
    while (true) {
        if (const auto body = take()) {
            message = nlohmann::json::parse(*body, nullptr, false);
            if (message.is_object()) return Received::message;
            throw core::Error(core::ErrorCode::failed, "a process of this run sent what is no message");
        }
        const auto left =
            std::chrono::duration_cast<std::chrono::milliseconds>(until - std::chrono::steady_clock::now());
        pollfd waiting{socket_, POLLIN, 0};
        const int ready = ::poll(&waiting, 1, static_cast<int>(std::max<std::int64_t>(left.count(), 0)));
        if (ready < 0 && errno == EINTR) continue;
        if (ready == 0) return Received::nothing;
        const ssize_t count = ready < 0 ? -1 : ::recv(socket_, bytes.data(), bytes.size(), 0);
        if (count < 0 && errno == EINTR) continue;
        if (count == 0 || (count < 0 && errno == ECONNRESET)) return Received::closed;
        if (count < 0) fail("reading from");
        received_.append(bytes.data(), static_cast<std::size_t>(count));
    }
}

}  // namespace millrace::engine
