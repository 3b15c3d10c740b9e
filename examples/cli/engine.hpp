// Models in memory: the target, and the draft models that specs name.
#pragma once

#include <cstddef>
#include <map>
#include <memory>
#include <optional>
#include <string>

#include <hunch/gguf/file.hpp>
#include <hunch/gguf/tokenizer.hpp>

#include "device.hpp"
#include "options.hpp"
#include "spec.hpp"

namespace hunch::cli {

/// A file, its tokenizer and its weights.
struct model {
  gguf::file file;
  gguf::tokenizer tokenizer;
  device_backend backend;

  model(const std::string& path, const model_options& options, std::size_t context);
};

/// Loads each file once. A draft model that is the target's own file shares its weights.
class engine {
 public:
  /// Loads the target. `notes` takes what the user should know (a context that was cut), one line each.
  engine(const model_options& options, std::ostream& notes);

  [[nodiscard]] model& target() const noexcept { return *target_; }
  /// "self" is the target. Throws hunch::error when the file's vocabulary is not the target's, saying where they
  /// differ.
  [[nodiscard]] model& draft(const std::string& path);
  /// The same for a file of any vocabulary.
  [[nodiscard]] model& foreign_draft(const std::string& path);
  /// Loads what a spec names.
  void load_drafts(const spec& s);

 private:
  /// The model of a file that is in memory already, or null.
  [[nodiscard]] model* find(const std::string& path);

  model_options options_;
  std::unique_ptr<model> target_;
  std::map<std::string, std::unique_ptr<model>> drafts_;  // by real path
};

/// Why the drafter's tokens are not the target's: "token 17 is …"; nothing when they are the same.
[[nodiscard]] std::optional<std::string> difference(const gguf::tokenizer& target, const gguf::tokenizer& draft);

/// The context to use: `wanted`, else the file's, cut to what half of the machine's memory can hold.
[[nodiscard]] std::size_t choose_context(const gguf::file& file, long wanted, std::ostream& notes);

}  // namespace hunch::cli
