#include "head_file.hpp"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <vector>

#include <nlohmann/json.hpp>

#include <hunch/core/error.hpp>

#include "prompts.hpp"

namespace hunch::cli {
namespace {

using nlohmann::json;

static_assert(std::endian::native == std::endian::little, "hunch: safetensors are read on little-endian machines only");

constexpr std::size_t longest_header = std::size_t{1} << 16;
constexpr std::size_t widest = std::size_t{1} << 14;
constexpr std::size_t most_blocks = 16;
constexpr const char* format = "hunch.acceptance_head.1";

class head_reader {
 public:
  head_reader(std::span<const std::byte> bytes, const std::string& name) : bytes_{bytes}, name_{name} {}

  acceptance_weights read() {
    read_header();
    acceptance_weights w;
    const auto [rows, columns] = shape_of("input.weight");
    if (columns < 2) fail("'input.weight' has one column; the hidden state and the drawn token's log-odds are needed");
    w.width = rows;
    w.hidden = columns - 1;
    w.input = layer("input", rows, columns);
    while (tensors_.contains("blocks." + std::to_string(w.blocks.size()) + ".weight")) {
      if (w.blocks.size() == most_blocks) fail("it has more than " + std::to_string(most_blocks) + " blocks");
      w.blocks.push_back(layer("blocks." + std::to_string(w.blocks.size()), rows, rows));
    }
    w.output = layer("output", 3, rows);
    if (tensors_.size() != 2 * (w.blocks.size() + 2))
      fail("it has " + std::to_string(tensors_.size()) + " tensors; input, output and " +
           std::to_string(w.blocks.size()) + " blocks in a row have a weight and a bias each");
    return w;
  }

 private:
  struct tensor_shape {
    std::size_t rows, columns;
  };

  void read_header() {
    std::uint64_t length = 0;
    if (bytes_.size() < sizeof length) fail("it has " + std::to_string(bytes_.size()) + " bytes", damaged);
    std::memcpy(&length, bytes_.data(), sizeof length);
    const auto rest = bytes_.subspan(sizeof length);
    if (length > longest_header)
      fail("its header would have " + std::to_string(length) + " bytes; a head's has at most " +
           std::to_string(longest_header));
    if (length > rest.size())
      fail("its header has " + std::to_string(length) + " bytes and " + std::to_string(rest.size()) + " are left",
           damaged);
    const auto* text = reinterpret_cast<const char*>(rest.data());
    tensors_ = json::parse(text, text + length, nullptr, false);
    data_ = rest.subspan(static_cast<std::size_t>(length));
    if (!tensors_.is_object()) fail("its header is no JSON object");
    const auto about = tensors_.find("__metadata__");
    if (about == tensors_.end() || !about->is_object() || about->value("format", json{}) != format)
      fail(std::string{"its metadata does not name the format \""} + format + '"');
    tensors_.erase("__metadata__");
  }

  /// Of a matrix, or of a vector as one column; both numbers are in range.
  tensor_shape shape_of(const std::string& tensor) {
    const auto found = tensors_.find(tensor);
    if (found == tensors_.end()) fail("tensor '" + tensor + "' is missing");
    if (!found->is_object() || found->value("dtype", json{}) != "F32") fail("'" + tensor + "' is not of type F32");
    const json shape = found->value("shape", json{});
    const auto in_range = [](const json& n) {
      return n.is_number_unsigned() && n.get<std::uint64_t>() >= 1 && n.get<std::uint64_t>() <= widest;
    };
    if (!shape.is_array() || shape.empty() || shape.size() > 2 || !std::all_of(shape.begin(), shape.end(), in_range))
      fail("the shape of '" + tensor + "' is no one or two sizes from 1 to " + std::to_string(widest));
    return {shape[0].get<std::size_t>(), shape.size() == 2 ? shape[1].get<std::size_t>() : 1};
  }

  acceptance_weights::layer layer(const std::string& name, std::size_t rows, std::size_t columns) {
    return {values(name + ".weight", rows, columns), values(name + ".bias", rows, 1)};
  }

  std::vector<float> values(const std::string& tensor, std::size_t rows, std::size_t columns) {
    const auto shape = shape_of(tensor);
    if (shape.rows != rows || shape.columns != columns)
      fail("'" + tensor + "' is " + shown(shape) + "; " + shown({rows, columns}) + " is needed");
    const auto raw = data_of(tensor, 4 * rows * columns);
    std::vector<float> out(rows * columns);
    std::memcpy(out.data(), raw.data(), raw.size());
    if (!std::all_of(out.begin(), out.end(), [](float x) { return std::isfinite(x); }))
      fail("'" + tensor + "' holds values that are no numbers");
    return out;
  }

  std::span<const std::byte> data_of(const std::string& tensor, std::size_t size) {
    const json at = tensors_[tensor].value("data_offsets", json{});
    if (!at.is_array() || at.size() != 2 || !at[0].is_number_unsigned() || !at[1].is_number_unsigned())
      fail("'" + tensor + "' has no two data_offsets");
    const auto begin = at[0].get<std::uint64_t>(), end = at[1].get<std::uint64_t>();
    if (begin > end || end - begin != size)
      fail("the data_offsets of '" + tensor + "' do not hold its " + std::to_string(size) + " bytes");
    if (end > data_.size())
      fail("'" + tensor + "' ends at byte " + std::to_string(end) + " of " + std::to_string(data_.size()), damaged);
    return data_.subspan(static_cast<std::size_t>(begin), size);
  }

  static std::string shown(const tensor_shape& s) { return std::to_string(s.rows) + " x " + std::to_string(s.columns); }

  static constexpr const char* other = "examples/train/head_train.py writes heads";
  static constexpr const char* damaged = "the file is truncated or damaged: get it or make it again";
  [[noreturn]] void fail(const std::string& what, const char* advice = other) const {
    throw error("head: '" + name_ + "': " + what + "; " + advice);
  }

  std::span<const std::byte> bytes_;
  const std::string& name_;
  json tensors_;
  std::span<const std::byte> data_;
};

}  // namespace

acceptance_weights read_head(std::span<const std::byte> bytes, const std::string& name) {
  return head_reader{bytes, name}.read();
}

acceptance_weights read_head(const std::string& path) { return read_head(read_bytes(path), path); }

}  // namespace hunch::cli
