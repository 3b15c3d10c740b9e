// Starting kernels on the host: every block in turn, see simt.hpp.
#pragma once

#include <tuple>
#include <utility>

#include "runtime.hpp"
#include "simt.hpp"

namespace hunch::cuda {

struct extent {
  unsigned x = 1;
  unsigned y = 1;
  unsigned z = 1;
};

template <class... P, class... A>
void launch(stream& s, void (*kernel)(P...), extent grid, unsigned threads, A&&... args) {
  s.run([=, values = std::tuple<P...>(std::forward<A>(args)...)]() mutable {
    ++emulation::launches;
    auto body = [&] { std::apply(kernel, values); };
    emulation::run_blocks(
        {grid.x, grid.y, grid.z}, threads, [](void* f) { (*static_cast<decltype(body)*>(f))(); }, &body);
  });
}

}  // namespace hunch::cuda
