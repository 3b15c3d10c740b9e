#include <cstdint>
#include <limits>
#include <string>
#include <vector>

#include <hunch/gguf/file.hpp>

#include "gguf/errors.hpp"
#include "gguf/gguf_writer.hpp"
#include "support/catch.hpp"

using namespace hunch;
using hunch::gguf::file;
using hunch::test::gguf_writer;
using hunch::test::refusal;
using hunch::test::says;

TEST_CASE("metadata: every value type is read as what was written", "[gguf]") {
  gguf_writer w;
  w.key("bool", true).key("string", "naïve").key("f32", 0.25F).key("f64", 1e300);
  w.key("u8", std::uint8_t{200}).key("i8", std::int8_t{-100}).key("u16", std::uint16_t{60000});
  w.key("i16", std::int16_t{-30000}).key("u32", std::uint32_t{4000000000U}).key("i32", std::int32_t{-2000000000});
  w.key("u64", std::numeric_limits<std::uint64_t>::max()).key("i64", std::numeric_limits<std::int64_t>::min());
  const auto bytes = w.build();
  const auto f = file::from_bytes(bytes, "mem");
  CHECK(f.require<bool>("bool"));
  CHECK(f.require<std::string_view>("string") == "naïve");
  CHECK(f.require<float>("f32") == 0.25F);
  CHECK(f.require<double>("f32") == 0.25);
  CHECK(f.require<double>("f64") == 1e300);
  CHECK(f.require<std::uint8_t>("u8") == 200);
  CHECK(f.require<std::int8_t>("i8") == -100);
  CHECK(f.require<std::uint16_t>("u16") == 60000);
  CHECK(f.require<std::int16_t>("i16") == -30000);
  CHECK(f.require<std::uint32_t>("u32") == 4000000000U);
  CHECK(f.require<std::int32_t>("i32") == -2000000000);
  CHECK(f.require<std::uint64_t>("u64") == std::numeric_limits<std::uint64_t>::max());
  CHECK(f.require<std::int64_t>("i64") == std::numeric_limits<std::int64_t>::min());
}

TEST_CASE("metadata: integers convert between types when the value fits, and are refused when it does not", "[gguf]") {
  gguf_writer w;
  w.key("small", std::uint64_t{7}).key("negative", std::int32_t{-1}).key("large", std::uint32_t{70000});
  w.key("least", std::int64_t{-128}).key("max", std::numeric_limits<std::uint64_t>::max());
  const auto bytes = w.build();
  const auto f = file::from_bytes(bytes, "mem");
  CHECK(f.require<std::int8_t>("small") == 7);
  CHECK(f.require<std::uint32_t>("small") == 7);
  CHECK(f.require<std::int64_t>("negative") == -1);
  CHECK(f.require<std::int8_t>("least") == -128);
  CHECK(says(refusal([&] { return f.require<std::uint32_t>("negative"); }), "'negative'", "-1", "0 to 4294967295"));
  CHECK(says(refusal([&] { return f.require<std::uint16_t>("large"); }), "'large'", "70000", "0 to 65535"));
  CHECK(says(refusal([&] { return f.require<std::int16_t>("large"); }), "'large'", "70000"));
  CHECK(says(refusal([&] { return f.require<std::int64_t>("max"); }), "'max'", "18446744073709551615"));
}

TEST_CASE("metadata: a value of another kind is refused by get too, never taken for missing", "[gguf]") {
  gguf_writer w;
  w.key("text", "1").key("number", std::uint32_t{1}).key("real", 1.0F).key("array", std::vector<std::int32_t>{1});
  const auto bytes = w.build();
  const auto f = file::from_bytes(bytes, "mem");
  CHECK(says(refusal([&] { return f.get<int>("text"); }), "'text'", "is string", "integer"));
  CHECK(says(refusal([&] { return f.get<std::string>("number"); }), "'number'", "uint32", "a string"));
  CHECK(says(refusal([&] { return f.get<bool>("number"); }), "'number'", "a bool"));
  CHECK(says(refusal([&] { return f.get<float>("number"); }), "'number'", "a float"));
  CHECK(says(refusal([&] { return f.get<int>("real"); }), "'real'", "float32"));
  CHECK(says(refusal([&] { return f.get<int>("array"); }), "'array'", "array of int32"));
  CHECK(says(refusal([&] { return f.get<std::vector<int>>("number"); }), "'number'", "an array"));
  CHECK(says(refusal([&] { return f.get<std::vector<std::string_view>>("array"); }), "'array'", "a string"));
}

TEST_CASE("metadata: a missing key is nothing for get and an error for require", "[gguf]") {
  const auto bytes = gguf_writer{}.build();
  const auto f = file::from_bytes(bytes, "mem");
  CHECK_FALSE(f.get<int>("llama.block_count").has_value());
  CHECK(says(refusal([&] { return f.require<std::uint32_t>("llama.block_count"); }), "'mem'", "'llama.block_count'",
             "unsigned integer"));
}

TEST_CASE("metadata: arrays are read element by element, empty strings and empty arrays included", "[gguf]") {
  gguf_writer w;
  w.key("strings", std::vector<std::string>{"a", "", "ccc"}).key("none", std::vector<std::string>{});
  w.key("numbers", std::vector<std::int32_t>{3, -1, 2}).key("reals", std::vector<float>{0.5F, -2});
  const auto bytes = w.build();
  const auto f = file::from_bytes(bytes, "mem");
  CHECK(f.require<std::vector<std::string_view>>("strings") == std::vector<std::string_view>{"a", "", "ccc"});
  CHECK(f.require<std::vector<std::string>>("none").empty());
  CHECK(f.require<std::vector<std::int64_t>>("numbers") == std::vector<std::int64_t>{3, -1, 2});
  CHECK(f.require<std::vector<float>>("reals") == std::vector<float>{0.5F, -2});
  CHECK(says(refusal([&] { return f.require<std::vector<std::uint32_t>>("numbers"); }), "'numbers'", "-1"));
}
