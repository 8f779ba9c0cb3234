// Every kernel of this instruction set, under its name.
#pragma once
#include "cross_entropy.hpp"
#include "elementwise.hpp"
#include "generators.hpp"
#include "kl.hpp"
#include "logsumexp.hpp"
#include "token.hpp"

namespace relentropy {
namespace RELENTROPY_SET {

#if !defined(RELENTROPY_DEVICE)  // where kernels are compiled one by one, each by its name

// What is for data of fewer digits than a double has, and what is for all of them.
#define BOTH(name) {#name, name<false>}, {#name "_exact", name<true>}

// An elementwise function and its slopes.
#define ENTRIES(name, F)                                                             \
  {#name, entries<F, false>}, {#name "_exact", entries<F, true>},                    \
      {#name "_slopes", entry_slopes<F, false>}, {#name "_slopes_exact", entry_slopes<F, true>}

// clang-format off
constexpr Kernel KERNELS[] = {
    {"total", total},
    BOTH(kl_logits), BOTH(kl_logits_slopes), BOTH(kl_weights), BOTH(kl_weights_slopes),
    RELENTROPY_DIVERGENCES,
    ENTRIES(kl_div, KLDiv), ENTRIES(rel_entr, RelEntr), ENTRIES(entr, Entr),
    ENTRIES(xlogy, XLogY), ENTRIES(xlog1py, XLog1pY), ENTRIES(expm1mx, Expm1mx),
    ENTRIES(log1pmx, Log1pmx), ENTRIES(log1mexp, Log1mexp), ENTRIES(log1pexp, Log1pexp),
    ENTRIES(logaddexp, LogAddExp), ENTRIES(logsubexp, LogSubExp),
    BOTH(logsumexp), BOTH(logsumexp_slopes), BOTH(softmax), BOTH(softmax_slopes),
    BOTH(log_softmax), BOTH(log_softmax_slopes),
    BOTH(entropy_logits), BOTH(entropy_logits_slopes), BOTH(entropy_weights),
    BOTH(entropy_weights_slopes), BOTH(cross_entropy_logits), BOTH(cross_entropy_logits_slopes),
    BOTH(cross_entropy_weights), BOTH(cross_entropy_weights_slopes),
    BOTH(token_log_probs), BOTH(token_log_probs_slopes),
    BOTH(kl_logits_state), BOTH(logsumexp_state), BOTH(entropy_logits_state),
    BOTH(entropy_weights_state), BOTH(cross_entropy_logits_state),
    BOTH(cross_entropy_weights_state), BOTH(token_log_probs_state),
    {nullptr, nullptr},
};
// clang-format on
#undef ENTRIES
#undef BOTH

#endif

}  // namespace RELENTROPY_SET
}  // namespace relentropy
