// Passes of hunch, for vs_llama.py: curve_hunch MODEL THREADS CONTEXT.
#include <span>
#include <vector>

#include <hunch/core/draft_tree.hpp>
#include <hunch/cpu/backend.hpp>

#include "serve.hpp"

namespace {

class engine {
 public:
  engine(const std::string& model, unsigned threads, std::size_t context)
      : backend_{hunch::gguf::file{model}, {.threads = threads, .context = context}},
        sequence_{backend_.open()},
        tree_{backend_.vocab_size()} {}

  [[nodiscard]] const char* kernels() const { return backend_.kernels(); }

  void prepare(std::size_t depth) {
    backend_.rewind(sequence_, 0);
    prefill(depth);
  }
  void prefill(std::size_t tokens) {
    std::vector<hunch::token> text(tokens);
    for (std::size_t i = 0; i < tokens; ++i) text[i] = token_at(i);
    backend_.prefill(sequence_, text);
  }
  void pass(std::size_t rows) {
    tree_.reset(token_at(7));
    for (std::size_t i = 1; i < rows; ++i) tree_.add(static_cast<hunch::node_id>(i - 1), token_at(7 + i));
    const auto logits = backend_.forward(sequence_, tree_.view());
    sink_ = logits[rows - 1][0];
    backend_.commit(sequence_, {});
  }

 private:
  // Any tokens do: a pass costs the same whatever it reads.
  [[nodiscard]] hunch::token token_at(std::size_t i) const {
    return static_cast<hunch::token>((1000 + 7919 * i) % backend_.vocab_size());
  }

  hunch::cpu::backend backend_;
  hunch::cpu::sequence sequence_;
  hunch::draft_tree tree_;
  volatile float sink_ = 0;
};

}  // namespace

int main(int argc, char** argv) {
  if (argc != 4) {
    std::cerr << "curve_hunch MODEL THREADS CONTEXT\n";
    return 2;
  }
  try {
    engine e{argv[1], static_cast<unsigned>(std::stoul(argv[2])), std::stoul(argv[3])};
    return versus::serve(e, std::string("hunch ") + e.kernels());
  } catch (const std::exception& problem) {
    std::cerr << problem.what() << '\n';
    return 1;
  }
}
