// Which interpreter runs scripts.

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <optional>
#include <string>

#include "app/terminal.h"
#include "support/temporary_folder.h"

namespace millrace::app {
namespace {

/// A variable of the environment for the length of a test.
class Variable {
  public:
    Variable(const char* name, const std::string& value) : name_(name) {
        if (const char* before = std::getenv(name); before != nullptr) before_ = before;
        ::setenv(name, value.c_str(), 1);
    }
    ~Variable() { before_ ? ::setenv(name_, before_->c_str(), 1) : ::unsetenv(name_); }

  private:
    const char* name_;
    std::optional<std::string> before_;
};

TEST(FindPython, IsTheOneAskedForOrNamedOrTheVirtualEnvironmentsOrPaths) {
    const test::TemporaryFolder folder;
    const std::string& prefix = folder.path();
    const Variable unnamed("MILLRACE_PYTHON", "");
    {
        const Variable environment("VIRTUAL_ENV", prefix);
        EXPECT_EQ(find_python(""), "python3") << "there is no interpreter in the environment";
        std::filesystem::create_directory(prefix + "/bin");
        std::ofstream(prefix + "/bin/python") << "";
        EXPECT_EQ(find_python(""), prefix + "/bin/python");
        const Variable named("MILLRACE_PYTHON", "named");
        EXPECT_EQ(find_python(""), "named");
        EXPECT_EQ(find_python("other"), "other");
    }
    const Variable environment("VIRTUAL_ENV", "");
    EXPECT_EQ(find_python(""), "python3");
}

}  // namespace
}  // namespace millrace::app
