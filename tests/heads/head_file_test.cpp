// Files of acceptance heads: what examples/train/head.py wrote is read, everything else is refused.
#include "head_file.hpp"

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <limits>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "prompts.hpp"
#include "support/catch.hpp"

using namespace hunch;
using hunch::cli::read_head;
using nlohmann::json;

namespace {

using bytes = std::vector<std::byte>;

bytes golden() { return cli::read_bytes(HUNCH_TEST_DATA "/heads/golden.safetensors"); }

std::size_t header_length(const bytes& file) {
  std::uint64_t n = 0;
  std::memcpy(&n, file.data(), sizeof n);
  return static_cast<std::size_t>(n);
}

bytes with_header(const std::string& text, std::span<const std::byte> data) {
  const std::uint64_t n = text.size();
  bytes out(sizeof n + text.size() + data.size());
  std::memcpy(out.data(), &n, sizeof n);
  std::memcpy(out.data() + sizeof n, text.data(), text.size());
  std::copy(data.begin(), data.end(), out.end() - static_cast<std::ptrdiff_t>(data.size()));
  return out;
}

std::string refusal(const bytes& file) {
  try {
    (void)read_head(file, "x");
  } catch (const error& e) {
    return e.what();
  }
  return "read";
}

/// What is said of the golden file after `change(header)`.
std::string refusal_after(void (*change)(json&)) {
  const bytes file = golden();
  const std::size_t length = header_length(file);
  const auto* text = reinterpret_cast<const char*>(file.data() + 8);
  json header = json::parse(text, text + length);
  change(header);
  return refusal(with_header(header.dump(), std::span{file}.subspan(8 + length)));
}

const std::string writer = "; examples/train/head_train.py writes heads";
const std::string damaged = "; the file is truncated or damaged: get it or make it again";

}  // namespace

TEST_CASE("head file: a head says what it said where it was trained", "[head]") {
  const acceptance_weights w = read_head(std::string{HUNCH_TEST_DATA "/heads/golden.safetensors"});
  CHECK((w.hidden == 5 && w.width == 3 && w.blocks.size() == 2));
  const float state[] = {0.5f, -1.5f, 2.0f, 0.25f, -0.75f};
  draft_signal s{1, 0.3f, 1};
  s.hidden = state;
  // What make_golden.py printed.
  CHECK(acceptance_head(w, draft_draw::greedy).acceptance(s) == Approx(0.81592261).epsilon(1e-5));
  CHECK(acceptance_head(w, draft_draw::shared_noise).acceptance(s) == Approx(0.94538074).epsilon(1e-5));
  CHECK(acceptance_head(w, draft_draw::own_noise).acceptance(s) == Approx(0.88319396).epsilon(1e-5));
}

TEST_CASE("head file: cut short anywhere it is refused", "[head]") {
  const bytes file = golden();
  for (std::size_t n = 0; n < file.size(); ++n) {
    INFO(n << " of " << file.size() << " bytes");
    const std::string said = refusal(bytes(file.begin(), file.begin() + static_cast<std::ptrdiff_t>(n)));
    CHECK(said.rfind("head: 'x': ", 0) == 0);
    CHECK(said.find(damaged) != std::string::npos);
  }
}

TEST_CASE("head file: any byte of the header may be another: it is read or refused", "[head]") {
  const bytes file = golden();
  std::size_t refused = 0;
  for (std::size_t i = 0; i < 8 + header_length(file); ++i)
    for (const unsigned bit : {0u, 2u, 5u, 7u}) {
      bytes other = file;
      other[i] ^= std::byte{1} << bit;
      const std::string said = refusal(other);
      CHECK((said == "read" || said.rfind("head: 'x': ", 0) == 0));
      if (said != "read") ++refused;
    }
  CHECK(refused > header_length(file));
}

TEST_CASE("head file: what is wrong is said, and what to do", "[head]") {
  CHECK(refusal(bytes(3)) == "head: 'x': it has 3 bytes" + damaged);
  bytes huge(16, std::byte{0xff});
  CHECK(refusal(huge) ==
        "head: 'x': its header would have 18446744073709551615 bytes; a head's has at most 65536" + writer);
  CHECK(refusal(with_header("[1, 2]", {})) == "head: 'x': its header is no JSON object" + writer);
  CHECK(refusal(with_header("{\"a\": ", {})) == "head: 'x': its header is no JSON object" + writer);
  CHECK(refusal(with_header("{}", {})) ==
        "head: 'x': its metadata does not name the format \"hunch.acceptance_head.1\"" + writer);
  CHECK(refusal_after([](json& h) { h["__metadata__"]["format"] = "pt"; }) ==
        "head: 'x': its metadata does not name the format \"hunch.acceptance_head.1\"" + writer);
  CHECK(refusal_after([](json& h) { h.erase("output.bias"); }) ==
        "head: 'x': tensor 'output.bias' is missing" + writer);
  CHECK(refusal_after([](json& h) { h["input.weight"]["dtype"] = "F16"; }) ==
        "head: 'x': 'input.weight' is not of type F32" + writer);
  CHECK(refusal_after([](json& h) {
          h["blocks.0.weight"]["shape"] = {9, 1};
        }) == "head: 'x': 'blocks.0.weight' is 9 x 1; 3 x 3 is needed" + writer);
  CHECK(refusal_after([](json& h) {
          h["input.weight"]["shape"] = {4294967296, 4294967296};
        }) == "head: 'x': the shape of 'input.weight' is no one or two sizes from 1 to 16384" + writer);
  CHECK(refusal_after([](json& h) { h["input.weight"]["shape"] = json::array(); }) ==
        "head: 'x': the shape of 'input.weight' is no one or two sizes from 1 to 16384" + writer);
  CHECK(refusal_after([](json& h) { h["input.weight"]["shape"] = {18}; }) ==
        "head: 'x': 'input.weight' has one column; the hidden state and the drawn token's log-odds are needed" +
            writer);
  CHECK(refusal_after([](json& h) {
          h["input.bias"]["data_offsets"] = {0, 16};
        }) == "head: 'x': the data_offsets of 'input.bias' do not hold its 12 bytes" + writer);
  CHECK(refusal_after([](json& h) {
          h["input.bias"]["data_offsets"] = {12, 0};
        }) == "head: 'x': the data_offsets of 'input.bias' do not hold its 12 bytes" + writer);
  CHECK(refusal_after([](json& h) {
          h["input.bias"]["data_offsets"] = {-12, 0};
        }) == "head: 'x': 'input.bias' has no two data_offsets" + writer);
  CHECK(refusal_after([](json& h) { h["more.weight"] = h["input.bias"]; }) ==
        "head: 'x': it has 9 tensors; input, output and 2 blocks in a row have a weight and a bias each" + writer);
}

TEST_CASE("head file: numbers that are none are refused", "[head]") {
  bytes file = golden();
  const float nan = std::numeric_limits<float>::quiet_NaN();
  std::memcpy(file.data() + file.size() - sizeof nan, &nan, sizeof nan);  // the last bias
  CHECK(refusal(file) == "head: 'x': 'output.bias' holds values that are no numbers" + writer);
}
