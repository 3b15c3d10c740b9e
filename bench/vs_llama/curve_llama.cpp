// Passes of llama.cpp over its C interface, for vs_llama.py: curve_llama MODEL THREADS CONTEXT FLASH, FLASH 0 or 1.
#include <llama.h>

#include <algorithm>
#include <memory>
#include <stdexcept>

#include "serve.hpp"

namespace {

struct closer {
  void operator()(llama_model* m) const { llama_model_free(m); }
  void operator()(llama_context* c) const { llama_free(c); }
};

class engine {
 public:
  engine(const char* model, int threads, std::uint32_t context, bool flash) {
    llama_model_params with = llama_model_default_params();
    with.n_gpu_layers = 0;
    model_.reset(llama_model_load_from_file(model, with));
    if (!model_) throw std::runtime_error(std::string("cannot load ") + model);
    llama_context_params p = llama_context_default_params();
    p.n_ctx = context;
    p.n_batch = batch_tokens;
    p.n_ubatch = batch_tokens;
    p.n_threads = threads;
    p.n_threads_batch = threads;
    p.no_perf = true;
    p.flash_attn_type = flash ? LLAMA_FLASH_ATTN_TYPE_ENABLED : LLAMA_FLASH_ATTN_TYPE_DISABLED;
    context_.reset(llama_init_from_model(model_.get(), p));
    if (!context_) throw std::runtime_error("cannot make a context");
    vocab_ = static_cast<std::size_t>(llama_vocab_n_tokens(llama_model_get_vocab(model_.get())));
    batch_ = llama_batch_init(batch_tokens, 0, 1);
  }
  ~engine() { llama_batch_free(batch_); }
  engine(const engine&) = delete;
  engine& operator=(const engine&) = delete;

  void prepare(std::size_t depth) {
    llama_memory_clear(llama_get_memory(context_.get()), true);
    depth_ = 0;
    prefill(depth);
    depth_ = depth;
  }
  void prefill(std::size_t tokens) {
    for (std::size_t at = 0; at < tokens; at += batch_tokens)
      run(at, std::min<std::size_t>(batch_tokens, tokens - at), false);
  }
  void pass(std::size_t rows) {
    run(depth_, rows, true);
    sink_ = llama_get_logits_ith(context_.get(), static_cast<int>(rows) - 1)[0];
    llama_memory_seq_rm(llama_get_memory(context_.get()), 0, static_cast<llama_pos>(depth_), -1);
  }

 private:
  static constexpr std::int32_t batch_tokens = 512;

  void run(std::size_t position, std::size_t count, bool all) {
    batch_.n_tokens = static_cast<std::int32_t>(count);
    for (std::size_t i = 0; i < count; ++i) {
      batch_.token[i] = static_cast<llama_token>((1000 + 7919 * (position + i)) % vocab_);
      batch_.pos[i] = static_cast<llama_pos>(position + i);
      batch_.n_seq_id[i] = 1;
      batch_.seq_id[i][0] = 0;
      batch_.logits[i] = all || i + 1 == count ? 1 : 0;
    }
    if (llama_decode(context_.get(), batch_) != 0) throw std::runtime_error("llama_decode failed");
    llama_synchronize(context_.get());
  }

  std::unique_ptr<llama_model, closer> model_;
  std::unique_ptr<llama_context, closer> context_;
  llama_batch batch_{};
  std::size_t vocab_ = 0;
  std::size_t depth_ = 0;
  volatile float sink_ = 0;
};

}  // namespace

int main(int argc, char** argv) {
  if (argc != 5) {
    std::cerr << "curve_llama MODEL THREADS CONTEXT FLASH\n";
    return 2;
  }
  llama_log_set([](ggml_log_level, const char*, void*) {}, nullptr);
  llama_backend_init();
  try {
    engine e{argv[1], std::stoi(argv[2]), static_cast<std::uint32_t>(std::stoul(argv[3])), argv[4][0] == '1'};
    return versus::serve(e, std::string("llama.cpp flash attention ") + (argv[4][0] == '1' ? "on" : "off"));
  } catch (const std::exception& problem) {
    std::cerr << problem.what() << '\n';
    return 1;
  }
}
