// Every kernel of this instruction set, under its name.
#pragma once
#include "cross_entropy.hpp"
#include "kl.hpp"
#include "logsumexp.hpp"
#include "token.hpp"

namespace relentropy {
namespace RELENTROPY_SET {

// What is for data of fewer digits than a double has, and what is for all of them.
#define BOTH(name) {#name, name<false>}, {#name "_exact", name<true>}

constexpr Kernel KERNELS[] = {
    BOTH(kl_logits), BOTH(kl_logits_slopes), BOTH(kl_weights),
    BOTH(logsumexp), BOTH(logsumexp_slopes), BOTH(softmax), BOTH(softmax_slopes),
    BOTH(log_softmax), BOTH(log_softmax_slopes),
    BOTH(entropy_logits), BOTH(entropy_logits_slopes), BOTH(entropy_weights),
    BOTH(entropy_weights_slopes), BOTH(cross_entropy_logits), BOTH(cross_entropy_logits_slopes),
    BOTH(cross_entropy_weights), BOTH(cross_entropy_weights_slopes),
    BOTH(token_log_probs), BOTH(token_log_probs_slopes),
    {nullptr, nullptr},
};
#undef BOTH

}  // namespace RELENTROPY_SET
}  // namespace relentropy
