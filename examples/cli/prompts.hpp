// What the program reads besides models: prompts in files, and Spec-Bench's JSON Lines.
#pragma once

#include <cstddef>
#include <istream>
#include <string>
#include <string_view>
#include <vector>

namespace hunch::cli {

/// A text file, "-" for standard input. One line break at the end is dropped, as llama.cpp does.
/// Throws hunch::error with the path and the reason.
[[nodiscard]] std::string read_text(const std::string& path);

/// All bytes of a file. Throws hunch::error with the path and the reason.
[[nodiscard]] std::vector<std::byte> read_bytes(const std::string& path);

/// One line of a prompt file.
struct bench_prompt {
  std::string id;        // question_id
  std::string category;  // as reported: MT-bench's categories are one
  std::vector<std::string> turns;
};

/// Reads {"question_id", "category", "turns": [text, …], …} line by line; other keys and empty lines are skipped.
/// `limit` 0: all; else the first ones. Throws hunch::error "NAME:LINE: what is wrong".
[[nodiscard]] std::vector<bench_prompt> read_prompts(std::istream& in, const std::string& name, std::size_t limit = 0);
[[nodiscard]] std::vector<bench_prompt> read_prompts(const std::string& path, std::size_t limit = 0);

/// "mt_bench" for MT-bench's categories (writing, roleplay, …), the category itself for other tasks.
[[nodiscard]] std::string_view reported_category(std::string_view category) noexcept;

}  // namespace hunch::cli
