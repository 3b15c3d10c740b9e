// Everything that needs no other library: for host engines, .cu files and embedded builds.
#pragma once

#include <hunch/any.hpp>
#include <hunch/core/backend.hpp>
#include <hunch/core/context.hpp>
#include <hunch/core/draft_tree.hpp>
#include <hunch/core/drafter.hpp>
#include <hunch/core/error.hpp>
#include <hunch/core/law.hpp>
#include <hunch/core/observer.hpp>
#include <hunch/core/random.hpp>
#include <hunch/core/text_sequence.hpp>
#include <hunch/core/types.hpp>
#include <hunch/core/verifier.hpp>
#include <hunch/decoder.hpp>
#include <hunch/drafters/first_of.hpp>
#include <hunch/drafters/length.hpp>
#include <hunch/drafters/model.hpp>
#include <hunch/drafters/none.hpp>
#include <hunch/drafters/prompt_lookup.hpp>
#include <hunch/sampling/row.hpp>
#include <hunch/sampling/warp.hpp>
#include <hunch/trace/stats.hpp>
#include <hunch/verifiers/match.hpp>
#include <hunch/verifiers/rejection.hpp>
