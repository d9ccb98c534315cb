#pragma once

#include <sys/wait.h>
#include <unistd.h>

#include <functional>

#include <gtest/gtest.h>

namespace millrace::test {

/// Runs `work` in a process of its own, which ends with what it returns.
inline pid_t in_a_process(const std::function<int()>& work) {
    const pid_t child = fork();
    if (child != 0) return child;
    try {
        _exit(work());
    } catch (...) {  // it must not go on with the parent's tests
        _exit(99);
    }
}

/// Waits for the end of `child`: its exit status, or minus the signal that ended it.
inline int result_of(pid_t child) {
    int status = 0;
    EXPECT_EQ(waitpid(child, &status, 0), child);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

}  // namespace millrace::test
