#pragma once
// Handles on things whose threads a fork leaves behind.

#include <fmt/format.h>
#include <unistd.h>

#include <memory>
#include <string>
#include <utility>

#include "core/error.h"

namespace millrace::python {

/// Works in the process that made it only. In a child get() throws, and nothing is destroyed.
template <class Thing>
class OwnProcess {
  public:
    OwnProcess() = default;
    /// `what` for messages: "in.mp4".
    OwnProcess(std::shared_ptr<Thing> thing, std::string what)
        : thing_(std::make_unique<std::shared_ptr<Thing>>(std::move(thing))), what_(std::move(what)) {}
    OwnProcess(const OwnProcess&) = delete;
    OwnProcess& operator=(const OwnProcess&) = delete;
    OwnProcess(OwnProcess&&) = delete;
    OwnProcess& operator=(OwnProcess&&) = delete;
    ~OwnProcess() {
        if (::getpid() != pid_) (void)thing_.release();  // its threads are the parent's
    }

    /// Throws Error(usage) in a child, and after close().
    [[nodiscard]] const std::shared_ptr<Thing>& get() const {
        if (::getpid() != pid_) {
            throw core::Error(core::ErrorCode::usage,
                              fmt::format("{}: was opened in process {} and cannot be used in {}, a fork of it; open "
                                          "it again there, or start processes with multiprocessing's 'spawn'",
                                          what_, pid_, ::getpid()));
        }
        if (!thing_) throw closed();
        return *thing_;
    }
    [[nodiscard]] core::Error closed() const {
        return {core::ErrorCode::usage, fmt::format("{}: is closed; open it again", what_)};
    }
    /// Nothing in a child.
    void close() {
        if (::getpid() == pid_) thing_.reset();
    }
    [[nodiscard]] bool is_here() const { return ::getpid() == pid_ && thing_ != nullptr; }

  private:
    std::unique_ptr<std::shared_ptr<Thing>> thing_;
    std::string what_;
    pid_t pid_ = ::getpid();
};

}  // namespace millrace::python
