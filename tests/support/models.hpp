// Where real models are, for tests that use them and skip where they are absent.
#pragma once

#include <array>
#include <cstdlib>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace hunch::test {

/// The model cache: $HUNCH_MODELS, else $XDG_CACHE_HOME/hunch/models, else ~/.cache/hunch/models.
[[nodiscard]] inline std::filesystem::path model_cache() {
  const auto from = [](const char* name) -> std::filesystem::path {
    const char* value = std::getenv(name);
    return value == nullptr ? "" : value;
  };
  if (const auto p = from("HUNCH_MODELS"); !p.empty()) return p;
  if (const auto p = from("XDG_CACHE_HOME"); !p.empty()) return p / "hunch" / "models";
  return from("HOME") / ".cache" / "hunch" / "models";
}

/// The file of "smollm2", "qwen" or "gemma", or nothing when it is not in the cache.
[[nodiscard]] inline std::optional<std::filesystem::path> model_path(std::string_view name) {
  constexpr std::array<std::pair<std::string_view, std::string_view>, 3> files{{
      {"smollm2", "smollm2-135m-instruct-q4_1.gguf"},
      {"qwen", "qwen2.5-coder-1.5b-instruct-q4_k_m.gguf"},
      {"gemma", "gemma-3-270m-q4_k_m.gguf"},
  }};
  for (const auto& [known, file] : files)
    if (known == name) {
      auto path = model_cache() / file;
      if (std::filesystem::exists(path)) return path;
    }
  return std::nullopt;
}

/// Why a test of that model is skipped.
[[nodiscard]] inline std::string absent_model(std::string_view name) {
  return "model '" + std::string(name) + "' is not in " + model_cache().string() + "; examples/get_model.sh gets it";
}

}  // namespace hunch::test
