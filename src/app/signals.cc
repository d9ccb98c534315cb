#include "app/signals.h"

#include <signal.h>  // NOLINT(modernize-deprecated-headers): sigwait is not in <csignal>
#include <unistd.h>

#include <array>

#include "core/log.h"

namespace millrace::app {

namespace {

constexpr std::array caught{SIGINT, SIGTERM, SIGHUP};
/// Wakes the thread when there is nothing to wait for any more.
constexpr int wake = SIGUSR2;

sigset_t caught_set() {
    sigset_t set;
    sigemptyset(&set);
    for (const int signal : caught) {
        struct sigaction current{};
        sigaction(signal, nullptr, &current);
        if (current.sa_handler != SIG_IGN) sigaddset(&set, signal);
    }
    sigaddset(&set, wake);
    return set;
}

}  // namespace

SignalCatcher::SignalCatcher() {
    const sigset_t set = caught_set();
    pthread_sigmask(SIG_BLOCK, &set, nullptr);
    thread_ = std::thread([this] { wait_for_signals(); });
}

SignalCatcher::~SignalCatcher() {
    ending_.store(true);
    pthread_kill(thread_.native_handle(), wake);
    thread_.join();
    // An interrupted program is about to end with its own exit code; another signal must not come in between.
    if (received_.load() != 0) return;
    const sigset_t set = caught_set();
    pthread_sigmask(SIG_UNBLOCK, &set, nullptr);
}

void SignalCatcher::wait_for_signals() {
    const sigset_t set = caught_set();
    while (true) {
        int signal = 0;
        if (sigwait(&set, &signal) != 0) continue;
        if (ending_.load()) return;
        if (signal == wake) continue;
        if (received_.load() != 0) {
            constexpr int signalled = 128;
            _exit(signalled + signal);
        }
        received_.store(signal);
        core::log::info("stopping at a safe point; once more stops at once");
        stop_.request_stop();
    }
}

}  // namespace millrace::app
