// The parts of train_generate that need no model: openings and records.
#include <cmath>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <set>
#include <string>

#include <unistd.h>

#include "openings.hpp"
#include "records.hpp"
#include "support/catch.hpp"

using namespace hunch;
using namespace hunch::train;

namespace {

/// A path that is gone when the test ends.
class scratch_file {
 public:
  explicit scratch_file(const std::string& name, const std::string& content = {})
      : path_{std::filesystem::temp_directory_path() / ("hunch_" + std::to_string(::getpid()) + "_" + name)} {
    std::filesystem::remove(path_);
    if (!content.empty()) std::ofstream{path_} << content;
  }
  scratch_file(const scratch_file&) = delete;
  scratch_file& operator=(const scratch_file&) = delete;
  ~scratch_file() { std::filesystem::remove(path_); }
  [[nodiscard]] const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
};

std::string refusal(const auto& action) {
  try {
    action();
  } catch (const error& e) {
    return e.what();
  }
  return "nothing was thrown";
}

document some_document(std::uint64_t number) {
  return {number, {5, 6, 7}, {1, 2, 3, 4, 5, 6}, {-0.5f, -1.5f, -0.25f, -2.0f, -0.125f, -3.0f}};
}

}  // namespace

TEST_CASE("openings: slots are filled, ellipses leave the turn to the model", "[train]") {
  const scratch_file file{"openings.txt",
                          "# a comment\n@who = Ann | Bob\n@two = {who} and {who}\n\nHello {two}.\nHi {who}...\n"};
  const openings list{file.path()};
  std::set<std::string> whole, open;
  for (std::uint64_t n = 0; n < 300; ++n) {
    const opening o = list.draw(philox{3}, n);
    (o.open ? open : whole).insert(o.text);
  }
  CHECK(open == std::set<std::string>{"Hi Ann", "Hi Bob"});
  CHECK(whole ==
        std::set<std::string>{"Hello Ann and Ann.", "Hello Ann and Bob.", "Hello Bob and Ann.", "Hello Bob and Bob."});
}

TEST_CASE("openings: a number always has the same opening, another seed others", "[train]") {
  const scratch_file file{"openings.txt", "@n = 1 | 2 | 3 | 4 | 5 | 6 | 7 | 8 | 9\n{n}{n}{n}{n}{n}{n}\n"};
  const openings list{file.path()};
  CHECK(list.draw(philox{1}, 17).text == list.draw(philox{1}, 17).text);
  CHECK(list.draw(philox{1}, 17).text != list.draw(philox{1}, 18).text);
  CHECK(list.draw(philox{1}, 17).text != list.draw(philox{2}, 17).text);
}

TEST_CASE("openings: 9x is drawn nine times as often", "[train]") {
  const scratch_file file{"openings.txt", "9x often\nseldom\n"};
  const openings list{file.path()};
  int often = 0;
  for (std::uint64_t n = 0; n < 2000; ++n) often += list.draw(philox{1}, n).text == "often" ? 1 : 0;
  CHECK(std::abs(often - 1800) < 3 * std::sqrt(2000 * 0.9 * 0.1));
}

TEST_CASE("openings: \\n is a line break, 3 on its own no weight", "[train]") {
  const scratch_file file{"openings.txt", "3 dogs:\\n\\n...\n"};
  const opening o = openings{file.path()}.draw(philox{1}, 0);
  CHECK(o.text == "3 dogs:\n\n");
  CHECK(o.open);
}

TEST_CASE("openings: what is wrong is said with its place", "[train]") {
  const scratch_file unknown{"unknown.txt", "fine\nHello {whom}.\n"};
  CHECK(refusal([&] { openings{unknown.path()}; }) ==
        "train: " + unknown.path().string() + ", line 2: there are no words for '{whom}'; add a line '@name = …'");
  const scratch_file empty{"empty.txt", "# nothing\n"};
  CHECK(refusal([&] { openings{empty.path()}; }) ==
        "train: '" + empty.path().string() + "' holds no phrase; give at least one");
}

TEST_CASE("openings: words that name themselves come to an end", "[train]") {
  const scratch_file file{"openings.txt", "@a = {a}{a}\nx{a}\n"};
  CHECK(openings{file.path()}.draw(philox{1}, 0).text == "x");
}

TEST_CASE("records: a file is gone on with where it ended", "[train]") {
  const scratch_file file{"a.records"};
  record_file{file.path(), 2}.add(some_document(4));
  record_file again{file.path(), 2};
  CHECK(again.documents() == 1);
  CHECK(again.tokens() == 3);
  CHECK(again.next_number() == 5);
  again.add(some_document(2));
  CHECK(again.next_number() == 5);
  CHECK(std::filesystem::file_size(file.path()) == 16 + 2 * (16 + 3 * 4 + 6 * 8));
}

TEST_CASE("records: a document that was cut short is taken off", "[train]") {
  const scratch_file file{"b.records"};
  {
    record_file f{file.path(), 2};
    f.add(some_document(0));
    f.add(some_document(1));
  }
  const auto whole = std::filesystem::file_size(file.path());
  for (const std::uintmax_t lost : {1u, 70u}) {  // within the laws, within the head of the second document
    std::filesystem::resize_file(file.path(), whole - lost);
    record_file f{file.path(), 2};
    CHECK(f.documents() == 1);
    CHECK(std::filesystem::file_size(file.path()) == 16 + 76);
    f.add(some_document(1));
  }
  CHECK(record_file{file.path(), 2}.documents() == 2);
}

TEST_CASE("records: other files and another k are refused and left alone", "[train]") {
  const scratch_file text{"c.records", "a letter to a friend"};
  CHECK(refusal([&] {
          record_file{text.path(), 2};
        }) == "train: '" + text.path().string() +
                  "' is no file of records with 2 candidates a token; give another path, or its own --top");
  const scratch_file file{"d.records"};
  record_file{file.path(), 2}.add(some_document(0));
  CHECK(refusal([&] { record_file{file.path(), 3}; }).find("3 candidates") != std::string::npos);
  CHECK(std::filesystem::file_size(file.path()) == 16 + 76);
}
