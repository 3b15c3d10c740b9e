// Cuts text into the words that byte-level BPE never merges across.
#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>

namespace hunch::gguf {

/// What follows from a file's tokenizer.ggml.pre.
struct pretokenizer_rules {
  std::string_view pattern;  // ~ stands for the members of white space
  bool keeps_whole_words;    // a word that is a token is not built by merges
  bool adds_bos;             // where the file does not say whether texts begin with begin-of-text
};
/// The rules of that name, or null.
[[nodiscard]] const pretokenizer_rules* find_pretokenizer(std::string_view name) noexcept;

/// One of the known patterns, compiled once and shared by all threads.
class pretokenizer {
 public:
  /// `name` as in tokenizer.ggml.pre. Throws hunch::error naming those that are known.
  explicit pretokenizer(std::string_view name);

  [[nodiscard]] bool keeps_whole_words() const noexcept { return rules_.keeps_whole_words; }

  /// Scratch of one thread: match data of PCRE2.
  class cursor {
   public:
    explicit cursor(const pretokenizer& over);
    /// Bytes of the word at the start of `text`, which is valid UTF-8 and not empty; 1 at least.
    [[nodiscard]] std::size_t next(std::string_view text);

   private:
    const pretokenizer& over_;
    std::shared_ptr<void> match_;
  };

 private:
  pretokenizer_rules rules_;
  std::shared_ptr<void> code_;
  std::shared_ptr<void> limits_;
};

}  // namespace hunch::gguf
