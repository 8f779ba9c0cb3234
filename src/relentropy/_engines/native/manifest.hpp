// Written by `python -m tools.kernels` from _engines/manifest.py.
#pragma once
#include "options.hpp"

namespace relentropy {
namespace RELENTROPY_SET {

// clang-format off
struct KlLogitsOptions : Options {
  bool normalize;
  explicit KlLogitsOptions(const Call& call) : Options(call, 1), normalize(call.options[3] != 0) {}
};
struct KlLogitsResiduals {
  double anchor, mass, centre, low, eta, log_mean, q_anchor, grown;
};
struct KlLogitsLeaves {
  double top, centre_hi, centre_lo, mass_hi, mass_lo, mean, excess_hi, excess_lo, far, q_top, lost, valid;
};
struct KlWeightsOptions : Options {
  explicit KlWeightsOptions(const Call& call) : Options(call, 0) {}
};
struct KlWeightsResiduals {
  double p_scale, q_scale, rounded, eps, eps_low, p_mass, q_mass, nats;
};
struct CrossEntropyOptions : Options {
  explicit CrossEntropyOptions(const Call& call) : Options(call, 0) {}
};
struct CrossEntropyResiduals {
  double p_top, mass, mean, q_top, others;
};
struct CrossEntropyLeaves {
  double p_top, mass, surprise, q_top, others, lost, valid;
};
struct TokenOptions : Options {
  double temperature;
  explicit TokenOptions(const Call& call) : Options(call, 1), temperature(call.options[3]) {}
};
struct TokenLogProbsResiduals {
  double top, others;
};
struct TokenLogProbsLeaves {
  double top, others, chosen, found;
};
struct TokenEntropiesResiduals {
  double top, others, entropy_p_top, entropy_mass, entropy_mean, entropy_q_top, entropy_others;
};
struct TokenEntropiesLeaves {
  double p_top, mass, surprise, q_top, others, lost, valid, chosen, found;
};
struct LogsumexpOptions : Options {
  explicit LogsumexpOptions(const Call& call) : Options(call, 0) {}
};
struct LogsumexpResiduals {
  double top, others;
};
struct LogsumexpLeaves {
  double top, others;
};
struct DivergenceOptions : Options {
  double weight;
  bool root;
  explicit DivergenceOptions(const Call& call) : Options(call, 2), weight(call.options[3]), root(call.options[4] != 0) {}
};
struct DivergenceLogitsResiduals {
  double p_top, q_top, p_mass, ratio, offset, rest, p_mean, q_mean, unit;
};
struct DivergenceWeightsResiduals {
  double p_scale, q_scale, rounded, eps, eps_low, p_mass, q_mass, p_mean, q_mean, unit;
};
struct ElementwiseOptions : Options {
  explicit ElementwiseOptions(const Call& call) : Options(call, 0) {}
};
struct SoftmaxOptions : Options {
  explicit SoftmaxOptions(const Call& call) : Options(call, 0) {}
};
// In the order of the fields of `Kernel`.
#define RELENTROPY_KERNELS \
  {"kl_logits", kl_logits<false>, 2, 0, 1, 10, 4, 0}, \
  {"kl_logits_exact", kl_logits<true>, 2, 0, 1, 10, 4, 0}, \
  {"kl_logits_slopes", kl_logits_slopes<false>, 2, 0, 0, 2, 6, 10}, \
  {"kl_logits_slopes_exact", kl_logits_slopes<true>, 2, 0, 0, 2, 6, 10}, \
  {"kl_logits_state", kl_logits_state<false>, 2, 0, 12, 12, 4, 0}, \
  {"kl_logits_state_exact", kl_logits_state<true>, 2, 0, 12, 12, 4, 0}, \
  {"kl_weights", kl_weights<false>, 2, 0, 1, 10, 3, 0}, \
  {"kl_weights_exact", kl_weights<true>, 2, 0, 1, 10, 3, 0}, \
  {"kl_weights_slopes", kl_weights_slopes<false>, 2, 0, 0, 2, 5, 10}, \
  {"kl_weights_slopes_exact", kl_weights_slopes<true>, 2, 0, 0, 2, 5, 10}, \
  {"entropy_logits", cross_entropy<false, true, OfLogits, OfLogits>, 1, 0, 1, 7, 3, 0}, \
  {"entropy_logits_exact", cross_entropy<true, true, OfLogits, OfLogits>, 1, 0, 1, 7, 3, 0}, \
  {"entropy_logits_slopes", cross_entropy_slopes<false, true, OfLogits, OfLogits>, 1, 0, 0, 1, 4, 7}, \
  {"entropy_logits_slopes_exact", cross_entropy_slopes<true, true, OfLogits, OfLogits>, 1, 0, 0, 1, 4, 7}, \
  {"entropy_logits_state", cross_entropy_state<false, true, OfLogits, OfLogits>, 1, 0, 7, 7, 3, 0}, \
  {"entropy_logits_state_exact", cross_entropy_state<true, true, OfLogits, OfLogits>, 1, 0, 7, 7, 3, 0}, \
  {"entropy_weights", cross_entropy<false, true, OfWeights, OfWeights>, 1, 0, 1, 7, 3, 0}, \
  {"entropy_weights_exact", cross_entropy<true, true, OfWeights, OfWeights>, 1, 0, 1, 7, 3, 0}, \
  {"entropy_weights_slopes", cross_entropy_slopes<false, true, OfWeights, OfWeights>, 1, 0, 0, 1, 4, 7}, \
  {"entropy_weights_slopes_exact", cross_entropy_slopes<true, true, OfWeights, OfWeights>, 1, 0, 0, 1, 4, 7}, \
  {"entropy_weights_state", cross_entropy_state<false, true, OfWeights, OfWeights>, 1, 0, 7, 7, 3, 0}, \
  {"entropy_weights_state_exact", cross_entropy_state<true, true, OfWeights, OfWeights>, 1, 0, 7, 7, 3, 0}, \
  {"cross_entropy_logits", cross_entropy<false, false, OfLogits, OfLogits>, 2, 0, 1, 7, 3, 0}, \
  {"cross_entropy_logits_exact", cross_entropy<true, false, OfLogits, OfLogits>, 2, 0, 1, 7, 3, 0}, \
  {"cross_entropy_logits_slopes", cross_entropy_slopes<false, false, OfLogits, OfLogits>, 2, 0, 0, 2, 5, 7}, \
  {"cross_entropy_logits_slopes_exact", cross_entropy_slopes<true, false, OfLogits, OfLogits>, 2, 0, 0, 2, 5, 7}, \
  {"cross_entropy_logits_state", cross_entropy_state<false, false, OfLogits, OfLogits>, 2, 0, 7, 7, 3, 0}, \
  {"cross_entropy_logits_state_exact", cross_entropy_state<true, false, OfLogits, OfLogits>, 2, 0, 7, 7, 3, 0}, \
  {"cross_entropy_weights", cross_entropy<false, false, OfWeights, OfWeights>, 2, 0, 1, 7, 3, 0}, \
  {"cross_entropy_weights_exact", cross_entropy<true, false, OfWeights, OfWeights>, 2, 0, 1, 7, 3, 0}, \
  {"cross_entropy_weights_slopes", cross_entropy_slopes<false, false, OfWeights, OfWeights>, 2, 0, 0, 2, 5, 7}, \
  {"cross_entropy_weights_slopes_exact", cross_entropy_slopes<true, false, OfWeights, OfWeights>, 2, 0, 0, 2, 5, 7}, \
  {"cross_entropy_weights_state", cross_entropy_state<false, false, OfWeights, OfWeights>, 2, 0, 7, 7, 3, 0}, \
  {"cross_entropy_weights_state_exact", cross_entropy_state<true, false, OfWeights, OfWeights>, 2, 0, 7, 7, 3, 0}, \
  {"token_log_probs", token<false, false>, 1, 1, 1, 4, 4, 0}, \
  {"token_log_probs_exact", token<true, false>, 1, 1, 1, 4, 4, 0}, \
  {"token_log_probs_slopes", token_slopes<false, false>, 1, 1, 0, 1, 5, 4}, \
  {"token_log_probs_slopes_exact", token_slopes<true, false>, 1, 1, 0, 1, 5, 4}, \
  {"token_log_probs_state", token_state<false, false>, 1, 1, 4, 4, 4, 0}, \
  {"token_log_probs_state_exact", token_state<true, false>, 1, 1, 4, 4, 4, 0}, \
  {"token_entropies", token<false, true>, 1, 1, 2, 11, 4, 0}, \
  {"token_entropies_exact", token<true, true>, 1, 1, 2, 11, 4, 0}, \
  {"token_entropies_slopes", token_slopes<false, true>, 1, 1, 0, 1, 5, 11}, \
  {"token_entropies_slopes_exact", token_slopes<true, true>, 1, 1, 0, 1, 5, 11}, \
  {"token_entropies_state", token_state<false, true>, 1, 1, 9, 9, 4, 0}, \
  {"token_entropies_state_exact", token_state<true, true>, 1, 1, 9, 9, 4, 0}, \
  {"logsumexp", logsumexp<false>, 1, 0, 1, 4, 3, 0}, \
  {"logsumexp_exact", logsumexp<true>, 1, 0, 1, 4, 3, 0}, \
  {"logsumexp_slopes", logsumexp_slopes<false>, 1, 0, 0, 1, 4, 4}, \
  {"logsumexp_slopes_exact", logsumexp_slopes<true>, 1, 0, 0, 1, 4, 4}, \
  {"logsumexp_state", logsumexp_state<false>, 1, 0, 2, 2, 3, 0}, \
  {"logsumexp_state_exact", logsumexp_state<true>, 1, 0, 2, 2, 3, 0}, \
  {"jeffreys_logits", divergence<false, Jeffreys, OfLogits>, 2, 0, 1, 11, 5, 0}, \
  {"jeffreys_logits_exact", divergence<true, Jeffreys, OfLogits>, 2, 0, 1, 11, 5, 0}, \
  {"jeffreys_logits_slopes", divergence_slopes<false, Jeffreys, OfLogits>, 2, 0, 0, 2, 7, 11}, \
  {"jeffreys_logits_slopes_exact", divergence_slopes<true, Jeffreys, OfLogits>, 2, 0, 0, 2, 7, 11}, \
  {"jeffreys_weights", divergence<false, Jeffreys, OfWeights>, 2, 0, 1, 12, 5, 0}, \
  {"jeffreys_weights_exact", divergence<true, Jeffreys, OfWeights>, 2, 0, 1, 12, 5, 0}, \
  {"jeffreys_weights_slopes", divergence_slopes<false, Jeffreys, OfWeights>, 2, 0, 0, 2, 7, 12}, \
  {"jeffreys_weights_slopes_exact", divergence_slopes<true, Jeffreys, OfWeights>, 2, 0, 0, 2, 7, 12}, \
  {"jensen_shannon_logits", divergence<false, JensenShannon, OfLogits>, 2, 0, 1, 11, 5, 0}, \
  {"jensen_shannon_logits_exact", divergence<true, JensenShannon, OfLogits>, 2, 0, 1, 11, 5, 0}, \
  {"jensen_shannon_logits_slopes", divergence_slopes<false, JensenShannon, OfLogits>, 2, 0, 0, 2, 7, 11}, \
  {"jensen_shannon_logits_slopes_exact", divergence_slopes<true, JensenShannon, OfLogits>, 2, 0, 0, 2, 7, 11}, \
  {"jensen_shannon_weights", divergence<false, JensenShannon, OfWeights>, 2, 0, 1, 12, 5, 0}, \
  {"jensen_shannon_weights_exact", divergence<true, JensenShannon, OfWeights>, 2, 0, 1, 12, 5, 0}, \
  {"jensen_shannon_weights_slopes", divergence_slopes<false, JensenShannon, OfWeights>, 2, 0, 0, 2, 7, 12}, \
  {"jensen_shannon_weights_slopes_exact", divergence_slopes<true, JensenShannon, OfWeights>, 2, 0, 0, 2, 7, 12}, \
  {"skew_jensen_shannon_logits", divergence<false, SkewJensenShannon, OfLogits>, 2, 0, 1, 11, 5, 0}, \
  {"skew_jensen_shannon_logits_exact", divergence<true, SkewJensenShannon, OfLogits>, 2, 0, 1, 11, 5, 0}, \
  {"skew_jensen_shannon_logits_slopes", divergence_slopes<false, SkewJensenShannon, OfLogits>, 2, 0, 0, 2, 7, 11}, \
  {"skew_jensen_shannon_logits_slopes_exact", divergence_slopes<true, SkewJensenShannon, OfLogits>, 2, 0, 0, 2, 7, 11}, \
  {"skew_jensen_shannon_weights", divergence<false, SkewJensenShannon, OfWeights>, 2, 0, 1, 12, 5, 0}, \
  {"skew_jensen_shannon_weights_exact", divergence<true, SkewJensenShannon, OfWeights>, 2, 0, 1, 12, 5, 0}, \
  {"skew_jensen_shannon_weights_slopes", divergence_slopes<false, SkewJensenShannon, OfWeights>, 2, 0, 0, 2, 7, 12}, \
  {"skew_jensen_shannon_weights_slopes_exact", divergence_slopes<true, SkewJensenShannon, OfWeights>, 2, 0, 0, 2, 7, 12}, \
  {"skew_kl_logits", divergence<false, SkewKL, OfLogits>, 2, 0, 1, 11, 5, 0}, \
  {"skew_kl_logits_exact", divergence<true, SkewKL, OfLogits>, 2, 0, 1, 11, 5, 0}, \
  {"skew_kl_logits_slopes", divergence_slopes<false, SkewKL, OfLogits>, 2, 0, 0, 2, 7, 11}, \
  {"skew_kl_logits_slopes_exact", divergence_slopes<true, SkewKL, OfLogits>, 2, 0, 0, 2, 7, 11}, \
  {"skew_kl_weights", divergence<false, SkewKL, OfWeights>, 2, 0, 1, 12, 5, 0}, \
  {"skew_kl_weights_exact", divergence<true, SkewKL, OfWeights>, 2, 0, 1, 12, 5, 0}, \
  {"skew_kl_weights_slopes", divergence_slopes<false, SkewKL, OfWeights>, 2, 0, 0, 2, 7, 12}, \
  {"skew_kl_weights_slopes_exact", divergence_slopes<true, SkewKL, OfWeights>, 2, 0, 0, 2, 7, 12}, \
  {"hellinger_logits", divergence<false, SquaredHellinger, OfLogits>, 2, 0, 1, 11, 5, 0}, \
  {"hellinger_logits_exact", divergence<true, SquaredHellinger, OfLogits>, 2, 0, 1, 11, 5, 0}, \
  {"hellinger_logits_slopes", divergence_slopes<false, SquaredHellinger, OfLogits>, 2, 0, 0, 2, 7, 11}, \
  {"hellinger_logits_slopes_exact", divergence_slopes<true, SquaredHellinger, OfLogits>, 2, 0, 0, 2, 7, 11}, \
  {"hellinger_weights", divergence<false, SquaredHellinger, OfWeights>, 2, 0, 1, 12, 5, 0}, \
  {"hellinger_weights_exact", divergence<true, SquaredHellinger, OfWeights>, 2, 0, 1, 12, 5, 0}, \
  {"hellinger_weights_slopes", divergence_slopes<false, SquaredHellinger, OfWeights>, 2, 0, 0, 2, 7, 12}, \
  {"hellinger_weights_slopes_exact", divergence_slopes<true, SquaredHellinger, OfWeights>, 2, 0, 0, 2, 7, 12}, \
  {"total_variation_logits", divergence<false, TotalVariation, OfLogits>, 2, 0, 1, 11, 5, 0}, \
  {"total_variation_logits_exact", divergence<true, TotalVariation, OfLogits>, 2, 0, 1, 11, 5, 0}, \
  {"total_variation_logits_slopes", divergence_slopes<false, TotalVariation, OfLogits>, 2, 0, 0, 2, 7, 11}, \
  {"total_variation_logits_slopes_exact", divergence_slopes<true, TotalVariation, OfLogits>, 2, 0, 0, 2, 7, 11}, \
  {"total_variation_weights", divergence<false, TotalVariation, OfWeights>, 2, 0, 1, 12, 5, 0}, \
  {"total_variation_weights_exact", divergence<true, TotalVariation, OfWeights>, 2, 0, 1, 12, 5, 0}, \
  {"total_variation_weights_slopes", divergence_slopes<false, TotalVariation, OfWeights>, 2, 0, 0, 2, 7, 12}, \
  {"total_variation_weights_slopes_exact", divergence_slopes<true, TotalVariation, OfWeights>, 2, 0, 0, 2, 7, 12}, \
  {"pearson_logits", divergence<false, Pearson, OfLogits>, 2, 0, 1, 11, 5, 0}, \
  {"pearson_logits_exact", divergence<true, Pearson, OfLogits>, 2, 0, 1, 11, 5, 0}, \
  {"pearson_logits_slopes", divergence_slopes<false, Pearson, OfLogits>, 2, 0, 0, 2, 7, 11}, \
  {"pearson_logits_slopes_exact", divergence_slopes<true, Pearson, OfLogits>, 2, 0, 0, 2, 7, 11}, \
  {"pearson_weights", divergence<false, Pearson, OfWeights>, 2, 0, 1, 12, 5, 0}, \
  {"pearson_weights_exact", divergence<true, Pearson, OfWeights>, 2, 0, 1, 12, 5, 0}, \
  {"pearson_weights_slopes", divergence_slopes<false, Pearson, OfWeights>, 2, 0, 0, 2, 7, 12}, \
  {"pearson_weights_slopes_exact", divergence_slopes<true, Pearson, OfWeights>, 2, 0, 0, 2, 7, 12}, \
  {"triangular_logits", divergence<false, Triangular, OfLogits>, 2, 0, 1, 11, 5, 0}, \
  {"triangular_logits_exact", divergence<true, Triangular, OfLogits>, 2, 0, 1, 11, 5, 0}, \
  {"triangular_logits_slopes", divergence_slopes<false, Triangular, OfLogits>, 2, 0, 0, 2, 7, 11}, \
  {"triangular_logits_slopes_exact", divergence_slopes<true, Triangular, OfLogits>, 2, 0, 0, 2, 7, 11}, \
  {"triangular_weights", divergence<false, Triangular, OfWeights>, 2, 0, 1, 12, 5, 0}, \
  {"triangular_weights_exact", divergence<true, Triangular, OfWeights>, 2, 0, 1, 12, 5, 0}, \
  {"triangular_weights_slopes", divergence_slopes<false, Triangular, OfWeights>, 2, 0, 0, 2, 7, 12}, \
  {"triangular_weights_slopes_exact", divergence_slopes<true, Triangular, OfWeights>, 2, 0, 0, 2, 7, 12}, \
  {"alpha_logits", divergence<false, Alpha, OfLogits>, 2, 1, 1, 11, 5, 0}, \
  {"alpha_logits_exact", divergence<true, Alpha, OfLogits>, 2, 1, 1, 11, 5, 0}, \
  {"alpha_logits_slopes", divergence_slopes<false, Alpha, OfLogits>, 2, 1, 0, 2, 7, 11}, \
  {"alpha_logits_slopes_exact", divergence_slopes<true, Alpha, OfLogits>, 2, 1, 0, 2, 7, 11}, \
  {"alpha_weights", divergence<false, Alpha, OfWeights>, 2, 1, 1, 12, 5, 0}, \
  {"alpha_weights_exact", divergence<true, Alpha, OfWeights>, 2, 1, 1, 12, 5, 0}, \
  {"alpha_weights_slopes", divergence_slopes<false, Alpha, OfWeights>, 2, 1, 0, 2, 7, 12}, \
  {"alpha_weights_slopes_exact", divergence_slopes<true, Alpha, OfWeights>, 2, 1, 0, 2, 7, 12}, \
  {"tsallis_logits", divergence<false, Tsallis, OfLogits>, 2, 1, 1, 11, 5, 0}, \
  {"tsallis_logits_exact", divergence<true, Tsallis, OfLogits>, 2, 1, 1, 11, 5, 0}, \
  {"tsallis_logits_slopes", divergence_slopes<false, Tsallis, OfLogits>, 2, 1, 0, 2, 7, 11}, \
  {"tsallis_logits_slopes_exact", divergence_slopes<true, Tsallis, OfLogits>, 2, 1, 0, 2, 7, 11}, \
  {"tsallis_weights", divergence<false, Tsallis, OfWeights>, 2, 1, 1, 12, 5, 0}, \
  {"tsallis_weights_exact", divergence<true, Tsallis, OfWeights>, 2, 1, 1, 12, 5, 0}, \
  {"tsallis_weights_slopes", divergence_slopes<false, Tsallis, OfWeights>, 2, 1, 0, 2, 7, 12}, \
  {"tsallis_weights_slopes_exact", divergence_slopes<true, Tsallis, OfWeights>, 2, 1, 0, 2, 7, 12}, \
  {"kl_div", elementwise<false, KLDiv>, 2, 0, 1, 1, 3, 0}, \
  {"kl_div_exact", elementwise<true, KLDiv>, 2, 0, 1, 1, 3, 0}, \
  {"kl_div_slopes", elementwise_slopes<false, KLDiv>, 3, 0, 0, 2, 5, 0}, \
  {"kl_div_slopes_exact", elementwise_slopes<true, KLDiv>, 3, 0, 0, 2, 5, 0}, \
  {"rel_entr", elementwise<false, RelEntr>, 2, 0, 1, 1, 3, 0}, \
  {"rel_entr_exact", elementwise<true, RelEntr>, 2, 0, 1, 1, 3, 0}, \
  {"rel_entr_slopes", elementwise_slopes<false, RelEntr>, 3, 0, 0, 2, 5, 0}, \
  {"rel_entr_slopes_exact", elementwise_slopes<true, RelEntr>, 3, 0, 0, 2, 5, 0}, \
  {"entr", elementwise<false, Entr>, 1, 0, 1, 1, 3, 0}, \
  {"entr_exact", elementwise<true, Entr>, 1, 0, 1, 1, 3, 0}, \
  {"entr_slopes", elementwise_slopes<false, Entr>, 2, 0, 0, 1, 4, 0}, \
  {"entr_slopes_exact", elementwise_slopes<true, Entr>, 2, 0, 0, 1, 4, 0}, \
  {"xlogy", elementwise<false, XLogY>, 2, 0, 1, 1, 3, 0}, \
  {"xlogy_exact", elementwise<true, XLogY>, 2, 0, 1, 1, 3, 0}, \
  {"xlogy_slopes", elementwise_slopes<false, XLogY>, 3, 0, 0, 2, 5, 0}, \
  {"xlogy_slopes_exact", elementwise_slopes<true, XLogY>, 3, 0, 0, 2, 5, 0}, \
  {"xlog1py", elementwise<false, XLog1pY>, 2, 0, 1, 1, 3, 0}, \
  {"xlog1py_exact", elementwise<true, XLog1pY>, 2, 0, 1, 1, 3, 0}, \
  {"xlog1py_slopes", elementwise_slopes<false, XLog1pY>, 3, 0, 0, 2, 5, 0}, \
  {"xlog1py_slopes_exact", elementwise_slopes<true, XLog1pY>, 3, 0, 0, 2, 5, 0}, \
  {"expm1mx", elementwise<false, Expm1mx>, 1, 0, 1, 1, 3, 0}, \
  {"expm1mx_exact", elementwise<true, Expm1mx>, 1, 0, 1, 1, 3, 0}, \
  {"expm1mx_slopes", elementwise_slopes<false, Expm1mx>, 2, 0, 0, 1, 4, 0}, \
  {"expm1mx_slopes_exact", elementwise_slopes<true, Expm1mx>, 2, 0, 0, 1, 4, 0}, \
  {"log1pmx", elementwise<false, Log1pmx>, 1, 0, 1, 1, 3, 0}, \
  {"log1pmx_exact", elementwise<true, Log1pmx>, 1, 0, 1, 1, 3, 0}, \
  {"log1pmx_slopes", elementwise_slopes<false, Log1pmx>, 2, 0, 0, 1, 4, 0}, \
  {"log1pmx_slopes_exact", elementwise_slopes<true, Log1pmx>, 2, 0, 0, 1, 4, 0}, \
  {"log1mexp", elementwise<false, Log1mexp>, 1, 0, 1, 1, 3, 0}, \
  {"log1mexp_exact", elementwise<true, Log1mexp>, 1, 0, 1, 1, 3, 0}, \
  {"log1mexp_slopes", elementwise_slopes<false, Log1mexp>, 2, 0, 0, 1, 4, 0}, \
  {"log1mexp_slopes_exact", elementwise_slopes<true, Log1mexp>, 2, 0, 0, 1, 4, 0}, \
  {"log1pexp", elementwise<false, Log1pexp>, 1, 0, 1, 1, 3, 0}, \
  {"log1pexp_exact", elementwise<true, Log1pexp>, 1, 0, 1, 1, 3, 0}, \
  {"log1pexp_slopes", elementwise_slopes<false, Log1pexp>, 2, 0, 0, 1, 4, 0}, \
  {"log1pexp_slopes_exact", elementwise_slopes<true, Log1pexp>, 2, 0, 0, 1, 4, 0}, \
  {"logaddexp", elementwise<false, LogAddExp>, 2, 0, 1, 1, 3, 0}, \
  {"logaddexp_exact", elementwise<true, LogAddExp>, 2, 0, 1, 1, 3, 0}, \
  {"logaddexp_slopes", elementwise_slopes<false, LogAddExp>, 3, 0, 0, 2, 5, 0}, \
  {"logaddexp_slopes_exact", elementwise_slopes<true, LogAddExp>, 3, 0, 0, 2, 5, 0}, \
  {"logsubexp", elementwise<false, LogSubExp>, 2, 0, 1, 1, 3, 0}, \
  {"logsubexp_exact", elementwise<true, LogSubExp>, 2, 0, 1, 1, 3, 0}, \
  {"logsubexp_slopes", elementwise_slopes<false, LogSubExp>, 3, 0, 0, 2, 5, 0}, \
  {"logsubexp_slopes_exact", elementwise_slopes<true, LogSubExp>, 3, 0, 0, 2, 5, 0}, \
  {"softmax", softmax<false, false>, 1, 0, 1, 1, 3, 0}, \
  {"softmax_exact", softmax<true, false>, 1, 0, 1, 1, 3, 0}, \
  {"softmax_slopes", softmax_slopes<false, false>, 2, 0, 0, 1, 4, 0}, \
  {"softmax_slopes_exact", softmax_slopes<true, false>, 2, 0, 0, 1, 4, 0}, \
  {"log_softmax", softmax<false, true>, 1, 0, 1, 1, 3, 0}, \
  {"log_softmax_exact", softmax<true, true>, 1, 0, 1, 1, 3, 0}, \
  {"log_softmax_slopes", softmax_slopes<false, true>, 2, 0, 0, 1, 4, 0}, \
  {"log_softmax_slopes_exact", softmax_slopes<true, true>, 2, 0, 0, 1, 4, 0}
// clang-format on

}  // namespace RELENTROPY_SET
}  // namespace relentropy
