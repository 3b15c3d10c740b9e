// How the user's turns begin: a file of phrases with slots, so that a short list asks for many different things.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include <hunch/core/random.hpp>

namespace hunch::train {

/// One beginning of a user's turn. `open`: the model goes on with it; otherwise it is the whole turn.
struct opening {
  std::string text;
  bool open = false;
};

/// Phrases, one a line. `{name}` is replaced by one of the words of `@name = word | word | …`, words may hold slots
/// again; a line that ends in `...` is a turn that the model ends itself, `...` alone one that it invents. `#`:
/// comment. `5x phrase`: drawn five times as often. `\n` is a line break.
class openings {
 public:
  /// Throws hunch::error with the file and the line of what is wrong.
  explicit openings(const std::filesystem::path& path);

  /// The opening that belongs to this number: the same for the same seed, file and number.
  [[nodiscard]] opening draw(const philox& random, std::uint64_t number) const;

 private:
  struct choices {
    const openings& from;
    const philox& random;
    std::uint64_t number;
    node_id drawn = 0;
    [[nodiscard]] std::size_t below(std::size_t n);
  };
  [[nodiscard]] std::string fill(std::string_view phrase, choices& c) const;
  void check_slots(std::string_view phrase, const std::string& where) const;

  std::vector<std::string> phrases_;
  std::vector<std::size_t> weighted_;  // indices into phrases_, as often as they weigh
  std::map<std::string, std::vector<std::string>, std::less<>> words_;
};

}  // namespace hunch::train
