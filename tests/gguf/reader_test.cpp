// Files that are as they should be, on disk and in memory.
#include <cstdint>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <span>
#include <string>
#include <vector>

#include <hunch/gguf/file.hpp>

#include "gguf/errors.hpp"
#include "gguf/gguf_writer.hpp"
#include "gguf/on_disk.hpp"
#include "support/catch.hpp"

using namespace hunch;
using hunch::gguf::file;
using hunch::gguf::tensor_type;
using hunch::test::gguf_writer;
using hunch::test::mapped_kib;
using hunch::test::refusal;
using hunch::test::says;
using hunch::test::temporary_file;

namespace {

gguf_writer small_file() {
  const std::vector<float> values{1, 2, 3, 4, 5, 6};
  gguf_writer w;
  w.key("general.name", "small").key("general.count", std::uint32_t{7});
  w.tensor("a", {3, 2}, values);
  w.tensor("b", tensor_type::q8_0, {32, 2}, test::bytes(2 * 34, std::byte{9}));
  return w;
}

float value(const gguf::tensor& t, std::size_t i) {
  float out;
  std::memcpy(&out, t.data.data() + i * sizeof out, sizeof out);
  return out;
}

}  // namespace

TEST_CASE("gguf: a file in memory gives its keys and tensors in file order", "[gguf]") {
  const auto bytes = small_file().build();
  const auto f = file::from_bytes(bytes, "mem");
  CHECK(f.version() == 3);
  CHECK(f.alignment() == 32);
  CHECK(f.require<std::string>("general.name") == "small");
  REQUIRE(f.tensors().size() == 2);
  CHECK(f.tensors()[0].name == "a");
  const auto& a = f.at("a");
  CHECK(a.shape == std::vector<std::uint64_t>{3, 2});
  CHECK(a.values() == 6);
  CHECK(a.rows() == 2);
  CHECK(value(a, 5) == 6.0F);
  CHECK(f.at("b").data.size() == 68);
  CHECK(f.at("b").data[0] == std::byte{9});
}

TEST_CASE("gguf: a file on disk reads the same as in memory and survives a move", "[gguf]") {
  const temporary_file on_disk{"reader_test", small_file().build()};
  file f{on_disk.path};
  const file moved = std::move(f);
  REQUIRE(moved.find("a") != nullptr);
  CHECK(value(moved.at("a"), 0) == 1.0F);
  CHECK(moved.name() == on_disk.path.string());
}

TEST_CASE("gguf: version 2 is read", "[gguf]") {
  const auto bytes = small_file().version(2).build();
  CHECK(file::from_bytes(bytes, "v2").version() == 2);
}

TEST_CASE("gguf: data starts at multiples of the alignment that the file states", "[gguf]") {
  const std::vector<float> one{42};
  gguf_writer w;
  w.alignment(128).tensor("a", {1}, one).tensor("b", {1}, one);
  const auto bytes = w.build();
  const auto f = file::from_bytes(bytes, "mem");
  CHECK(f.alignment() == 128);
  CHECK(value(f.at("b"), 0) == 42.0F);
  CHECK(f.at("b").data.data() - f.at("a").data.data() == 128);
}

TEST_CASE("gguf: a file without tensors and keys is read", "[gguf]") {
  const auto bytes = gguf_writer{}.build();
  CHECK(bytes.size() == 24);
  CHECK(file::from_bytes(bytes, "mem").tensors().empty());
}

TEST_CASE("gguf: a missing tensor is refused by name", "[gguf]") {
  const auto bytes = small_file().build();
  const auto f = file::from_bytes(bytes, "mem");
  CHECK(f.find("c") == nullptr);
  CHECK(says(refusal([&] { return f.at("blk.7.attn_q.weight"); }), "mem", "'blk.7.attn_q.weight'"));
}

TEST_CASE("gguf: a path that cannot be read is refused with the path and the reason", "[gguf]") {
  CHECK(says(refusal([] { return file{std::filesystem::path("/no/such/model.gguf")}; }), "/no/such/model.gguf",
             "No such file"));
  CHECK(says(refusal([] { return file{std::filesystem::temp_directory_path()}; }), "no regular file"));
  const temporary_file empty{"reader_test", {}};
  CHECK(says(refusal([&] { return file{empty.path}; }), "empty"));
}

TEST_CASE("gguf: block sizes are those of the format", "[gguf]") {
  const auto bytes_per_256 = [](tensor_type t) {
    const auto& traits = gguf::traits_of(t);
    return 256 / traits.block_values * traits.block_bytes;
  };
  // A block's scales, minima and codes, counted by hand for 256 values.
  CHECK(bytes_per_256(tensor_type::f32) == 1024);
  CHECK(bytes_per_256(tensor_type::bf16) == 512);
  CHECK(bytes_per_256(tensor_type::q4_0) == 8 * (2 + 16));
  CHECK(bytes_per_256(tensor_type::q4_1) == 8 * (2 + 2 + 16));
  CHECK(bytes_per_256(tensor_type::q5_0) == 8 * (2 + 4 + 16));
  CHECK(bytes_per_256(tensor_type::q5_1) == 8 * (2 + 2 + 4 + 16));
  CHECK(bytes_per_256(tensor_type::q8_0) == 8 * (2 + 32));
  CHECK(bytes_per_256(tensor_type::q2_k) == 2 + 2 + 16 + 64);
  CHECK(bytes_per_256(tensor_type::q3_k) == 2 + 12 + 32 + 64);
  CHECK(bytes_per_256(tensor_type::q4_k) == 2 + 2 + 12 + 128);
  CHECK(bytes_per_256(tensor_type::q5_k) == 2 + 2 + 12 + 32 + 128);
  CHECK(bytes_per_256(tensor_type::q6_k) == 2 + 16 + 64 + 128);
}

TEST_CASE("gguf: tensor types that were withdrawn or never existed are refused by name and number", "[gguf]") {
  CHECK(says(refusal([] { return gguf::traits_of(static_cast<tensor_type>(4)); }), "4", "Q4_2", "withdrawn"));
  CHECK(says(refusal([] { return gguf::traits_of(static_cast<tensor_type>(999)); }), "999", "unknown"));
}

namespace {

std::size_t sum_of(std::span<const std::byte> bytes) {
  std::size_t sum = 0;
  for (const std::byte b : bytes) sum += std::to_integer<std::size_t>(b);
  return sum;
}

}  // namespace

TEST_CASE("gguf: a released tensor leaves memory and can be read again", "[gguf]") {
  const std::vector<float> many(std::size_t{4} << 20, 1.0F);  // 16 MiB
  gguf_writer w;
  w.tensor("large", {1024, 4096}, many);
  const temporary_file on_disk{"reader_test", w.build()};
  const file f{on_disk.path};
  const std::size_t expected = sum_of(f.at("large").data);
  const std::size_t before = mapped_kib();
  f.release(f.at("large"));
  if (before != 0) CHECK(mapped_kib() + 15 * 1024 < before);
  CHECK(sum_of(f.at("large").data) == expected);
}

TEST_CASE("gguf: releasing a tensor of borrowed bytes leaves them as they are", "[gguf]") {
  const std::vector<float> many(1 << 14, 1.0F);
  gguf_writer w;
  w.tensor("borrowed", {128, 128}, many);
  const auto bytes = w.build();
  std::vector<std::uint64_t> aligned((bytes.size() + 7) / 8);
  std::memcpy(aligned.data(), bytes.data(), bytes.size());
  const file f = file::from_bytes({reinterpret_cast<const std::byte*>(aligned.data()), bytes.size()}, "borrowed");
  const std::size_t expected = sum_of(f.at("borrowed").data);
  f.release(f.at("borrowed"));
  CHECK(sum_of(f.at("borrowed").data) == expected);
}
