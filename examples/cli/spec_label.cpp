#include "spec.hpp"

namespace hunch::cli {

std::string label_of(const std::string& text) {
  std::string out = text;
  const auto drop_folder = [&out](const std::string& file) {
    const std::size_t name = file.rfind('/');
    if (const std::size_t at = out.find(file); name != std::string::npos) out.erase(at, name + 1);
  };
  const auto shorten = [&](const auto& self, const spec& s) -> void {
    drop_folder(s.file);
    for (const spec_value& v : s.values) drop_folder(v.file);
    for (const spec& part : s.parts) self(self, part);
  };
  shorten(shorten, parse_spec(text));
  return out;
}

}  // namespace hunch::cli
