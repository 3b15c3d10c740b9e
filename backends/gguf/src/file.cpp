#include <bit>
#include <hunch/core/error.hpp>
#include <hunch/gguf/file.hpp>
#include <limits>

#include "byte_reader.hpp"
#include "mapping.hpp"

namespace hunch::gguf {
namespace {

constexpr std::uint32_t magic = 0x46554747;  // "GGUF"
constexpr std::size_t most_dims = 4;
// Least bytes of one entry: key length, type, value; and name length, dimensions, one extent, type, offset.
constexpr std::size_t least_key = 8 + 4 + 1;
constexpr std::size_t least_tensor = 8 + 4 + 8 + 4 + 8;
constexpr std::string_view damaged = "the file is damaged or was made by an unfit converter: get or convert it again";

struct header {
  std::uint32_t version;
  std::uint64_t tensors;
  std::uint64_t keys;
};

header read_header(byte_reader& in) {
  if (in.number<std::uint32_t>("magic") != magic)
    in.fail_at(0, "no GGUF file: it does not start with the bytes 'GGUF'", "give a model in GGUF format");
  header h{};
  h.version = in.number<std::uint32_t>("version");
  if (h.version != 0 && (h.version & 0xffffU) == 0)
    in.fail_at(4, "the file is big-endian, which is not supported", "convert the model for little-endian machines");
  if (h.version != 2 && h.version != 3)
    in.fail_at(4, "version " + std::to_string(h.version) + " is not supported, 2 and 3 are",
               "convert the model with a current converter");
  h.tensors = in.count(least_tensor, "number of tensors");
  h.keys = in.count(least_key, "number of keys");
  return h;
}

value_type read_value_type(byte_reader& in, const std::string& what) {
  const auto at = in.offset();
  const auto number = in.number<std::uint32_t>(what);
  if (number > static_cast<std::uint32_t>(value_type::f64))
    in.fail_at(at, what + " is " + std::to_string(number) + ", which is no value type", damaged);
  return static_cast<value_type>(number);
}

void check_bools(const byte_reader& in, std::span<const std::byte> bytes, const std::string& what) {
  for (const auto b : bytes)
    if (b > std::byte{1}) in.fail_at(in.offset() - bytes.size(), what + " has a bool that is neither 0 nor 1", damaged);
}

void read_array(byte_reader& in, metadata_entry& e, const std::string& what) {
  const auto at = in.offset();
  e.element = read_value_type(in, "element type of " + what);
  if (e.element == value_type::array) in.fail_at(at, what + " is an array of arrays, which is not supported", damaged);
  const auto size = size_of(e.element);
  e.count = in.count(size == 0 ? sizeof(std::uint64_t) : size, "length of " + what);
  const auto start = in.offset();
  if (size != 0)
    (void)in.take(e.count * size, what);  // no overflow: count() has checked the product
  else
    for (std::uint64_t i = 0; i < e.count; ++i) (void)in.string(what);
  e.bytes = in.since(start);
  if (e.element == value_type::boolean) check_bools(in, e.bytes, what);
}

metadata_entry read_key(byte_reader& in) {
  const auto at = in.offset();
  metadata_entry e;
  e.key = as_text(in.string("key"));
  if (e.key.empty()) in.fail_at(at, "a key has no name", damaged);
  const std::string what = "key '" + std::string(e.key.substr(0, 100)) + "'";
  e.type = read_value_type(in, "type of " + what);
  e.element = e.type;
  if (e.type == value_type::array) {
    read_array(in, e, what);
  } else if (e.type == value_type::string) {
    e.bytes = in.string(what);
  } else {
    e.bytes = in.take(size_of(e.type), what);
    if (e.type == value_type::boolean) check_bools(in, e.bytes, what);
  }
  return e;
}

std::size_t read_alignment(const metadata& keys) {
  const auto n = keys.get<std::uint64_t>("general.alignment").value_or(32);
  if (n < 8 || n > (std::uint64_t{1} << 30) || !std::has_single_bit(n))
    throw error("gguf: '" + keys.name() + "': general.alignment is " + std::to_string(n) +
                ", which is no power of two from 8 to 2^30; " + std::string(damaged));
  return static_cast<std::size_t>(n);
}

// A tensor's entry before the start of the data is known.
struct tensor_entry {
  std::string_view name;
  tensor_type type;
  std::vector<std::uint64_t> shape;
  std::uint64_t offset;  // from the start of the data
  std::size_t at;        // of the entry, for messages
};

// Bytes of a tensor, with every product checked.
std::uint64_t size_of_data(const byte_reader& in, const tensor_entry& t, const type_traits& traits) {
  const std::string what = "tensor '" + std::string(t.name) + "'";
  if (t.shape[0] % traits.block_values != 0)
    in.fail_at(t.at,
               what + " has rows of " + std::to_string(t.shape[0]) + " values, which " + std::string(traits.name) +
                   " cannot split into blocks of " + std::to_string(traits.block_values),
               damaged);
  std::uint64_t values = 1;
  for (const auto d : t.shape) {
    if (d == 0) in.fail_at(t.at, what + " has a dimension of 0", damaged);
    if (values > std::numeric_limits<std::int64_t>::max() / d)
      in.fail_at(t.at, what + " has more values than fit into 63 bits", damaged);
    values *= d;
  }
  const auto blocks = values / traits.block_values;
  if (blocks > std::numeric_limits<std::uint64_t>::max() / traits.block_bytes)
    in.fail_at(t.at, what + " has more bytes than fit into 64 bits", damaged);
  return blocks * traits.block_bytes;
}

tensor_entry read_tensor(byte_reader& in) {
  tensor_entry t{};
  t.at = in.offset();
  t.name = as_text(in.string("tensor name"));
  if (t.name.empty()) in.fail_at(t.at, "a tensor has no name", damaged);
  const auto dims = in.number<std::uint32_t>("number of dimensions");
  if (dims == 0 || dims > most_dims)
    in.fail_at(t.at,
               "tensor '" + std::string(t.name) + "' has " + std::to_string(dims) + " dimensions, 1 to 4 are possible",
               damaged);
  for (std::uint32_t i = 0; i < dims; ++i) t.shape.push_back(in.number<std::uint64_t>("dimension"));
  t.type = static_cast<tensor_type>(in.number<std::uint32_t>("tensor type"));
  t.offset = in.number<std::uint64_t>("tensor offset");
  return t;
}

const type_traits& traits_in_file(const byte_reader& in, const tensor_entry& t) {
  try {
    return traits_of(t.type);
  } catch (const error& e) {
    in.fail_at(t.at, "tensor '" + std::string(t.name) + "' cannot be read", e.what());
  }
}

}  // namespace

file::file(const std::filesystem::path& path) : keys_{path.string()} {
  auto mapped = map_file(path);
  mapping_ = std::move(mapped.owner);
  bytes_ = mapped.bytes;
  read();
}

file::file(std::span<const std::byte> bytes, std::string name) : bytes_{bytes}, keys_{std::move(name)} { read(); }

file file::from_bytes(std::span<const std::byte> bytes, std::string name) {
  if (reinterpret_cast<std::uintptr_t>(bytes.data()) % 8 != 0)
    throw error("gguf: '" + name + "' is in memory that is not aligned to 8 bytes; copy it to memory that is");
  return file{bytes, std::move(name)};
}

void file::read() {
  byte_reader in{bytes_, name()};
  const auto h = read_header(in);
  version_ = h.version;
  for (std::uint64_t i = 0; i < h.keys; ++i) {
    const auto at = in.offset();
    const auto entry = read_key(in);
    if (!keys_.add(entry)) in.fail_at(at, "key '" + std::string(entry.key) + "' is there twice", damaged);
  }
  alignment_ = read_alignment(keys_);

  std::vector<tensor_entry> entries;
  if (h.tensors > in.left() / least_tensor)
    in.fail("the file ends before its " + std::to_string(h.tensors) + " tensors are described", damaged);
  entries.reserve(static_cast<std::size_t>(h.tensors));
  for (std::uint64_t i = 0; i < h.tensors; ++i) entries.push_back(read_tensor(in));

  const std::size_t start = (in.offset() + alignment_ - 1) / alignment_ * alignment_;
  const std::size_t room = start > bytes_.size() ? 0 : bytes_.size() - start;
  tensors_.reserve(entries.size());
  for (auto& e : entries) {
    const auto size = size_of_data(in, e, traits_in_file(in, e));
    const std::string what = "tensor '" + std::string(e.name) + "'";
    if (e.offset % alignment_ != 0)
      in.fail_at(e.at, what + " starts at " + std::to_string(e.offset) + ", no multiple of the alignment", damaged);
    if (e.offset > room || size > room - e.offset)
      in.fail_at(e.at,
                 what + " needs " + std::to_string(size) + " bytes from " + std::to_string(e.offset) +
                     " on, and the data has " + std::to_string(room),
                 "the file is truncated or damaged: get it again and compare its size or checksum");
    if (!index_.try_emplace(e.name, tensors_.size()).second) in.fail_at(e.at, what + " is there twice", damaged);
    tensors_.push_back({std::string(e.name), e.type, std::move(e.shape),
                        bytes_.subspan(start + static_cast<std::size_t>(e.offset), static_cast<std::size_t>(size))});
  }
}

void file::release(const tensor& t) const noexcept {
  if (mapping_ != nullptr) gguf::release(t.data);
}

const tensor* file::find(std::string_view name) const noexcept {
  const auto it = index_.find(name);
  return it == index_.end() ? nullptr : &tensors_[it->second];
}

const tensor& file::at(std::string_view wanted) const {
  if (const tensor* t = find(wanted)) return *t;
  throw error("gguf: '" + name() + "' has no tensor '" + std::string(wanted) +
              "'; it is incomplete or of another architecture: convert the model again");
}

}  // namespace hunch::gguf
