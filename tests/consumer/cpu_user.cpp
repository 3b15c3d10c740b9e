#include <hunch/core/backend.hpp>
#include <hunch/cpu/backend.hpp>

static_assert(hunch::BatchBackend<hunch::cpu::backend> && hunch::Rewindable<hunch::cpu::backend>);

// Opens no model: shows that headers, libraries and their dependencies are found.
int main(int argc, char** argv) {
  if (argc < 2) return 0;
  const hunch::gguf::file file{argv[1]};
  return file.tensors().empty() ? 1 : 0;
}
