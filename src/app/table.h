#pragma once
// Tables in plain text.

#include <string>
#include <vector>

namespace millrace::app {

inline constexpr double ms = 1e3;  ///< in a second

enum class Align { left, right };

/// Columns of the display width of `text` in UTF-8: code points, for text without wide or combining characters.
[[nodiscard]] std::size_t display_width(const std::string& text);

/// Rows of cells with aligned columns, two spaces between them and `indent` before. Short rows are allowed; trailing
/// spaces are not written.
class Table {
  public:
    explicit Table(std::vector<Align> columns) : columns_(std::move(columns)) {}

    void add(std::vector<std::string> row) { rows_.push_back(std::move(row)); }
    [[nodiscard]] bool empty() const { return rows_.empty(); }
    [[nodiscard]] std::string render(std::size_t indent) const;

  private:
    std::vector<Align> columns_;
    std::vector<std::vector<std::string>> rows_;
};

}  // namespace millrace::app
