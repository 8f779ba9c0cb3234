"""Formulas: the mathematics, as functions of arrays.

Every function takes blocks in working precision and their namespace ``xp``; it has no knowledge
of shapes, dtypes or devices beyond that, and validates nothing.

Modules: rows of two distributions
----------------------------------
``measures``        choice of the formulas for a generator
``generators``      generators of f-divergences, for entries of any kind
``f_divergence``    measure of a generator, from weights or logits
``entries``         entries of two distributions: their masses and differences
``linear_entries``  entries of weights
``log_entries``     entries of logits
``sides``           one side of a divergence, from logits or weights
``weight_shares``   two distributions from weights, scaled without rounding
``logit_shares``    two distributions of which at least one has logits
``kl_logits``       relative entropy from logits
``kl_weights``      relative entropy from weights
``contributions``   contributions of entries to relative entropy, and surprisals
``many``            Jensen-Shannon divergence of several distributions
``renyi``           Rényi divergence of any order
``chernoff``        Chernoff information
``tempered``        measures of logits that are divided by a temperature
``partial``         relative entropy from some log-probabilities

Modules: one distribution, tables and two outcomes
--------------------------------------------------
``cross_entropy``   entropy and cross-entropy
``order_entropy``   Rényi and Tsallis entropies
``logsumexp``       logsumexp, softmax and log-softmax
``token``           log-probability of one entry of a row, and the row's entropy
``joint``           dependence of the variables of a table
``joint_logits``    mutual information of a table of logits
``cells``           entries of a table as masses, and their sums
``normalized``      normalized mutual information
``binary``          entropies and relative entropy of two outcomes
``odds``            two outcomes by a probability, a complement or a logit

Modules: parametric families
----------------------------
``family``          domains, limits and derivatives of closed forms
``locations``       families of a location and a scale
``shapes``          gamma and beta distributions
``counting``        families of counts
``extremes``        Gumbel and Weibull distributions
``circular``        von Mises distributions
``dirichlet``       Dirichlet distributions
``multivariate``    multivariate normal distributions

Modules: samples
----------------
``estimates``       estimates from the log-probabilities of one sample
``surrogate``       clipped surrogate of policy optimization
``plain_kl``        terms of torch's KL divergence loss, and their sum

Modules: functions of numbers
-----------------------------
``elementwise``     public elementwise functions with their derivatives
``kl_term``         ``x*log(x/y) - x + y``
``log1pmx``         ``log(1 + x) - x``
``expm1mx``         ``exp(x) - 1 - x``
``exponentials``    logarithms of sums and differences of exponentials
``logarithms``      products with logarithms, and logarithms of ratios
``log_pair``        logarithms of weights in double-double arithmetic
``deformed``        ``(exp(k*x) - 1)/k``
``power_gap``       difference of weighted arithmetic and geometric means
``times``           products of zero and infinity
``expectation``     helpers of reductions
``bregman``         Bregman divergences of convex functions of one variable
``log_gamma``       Bregman divergence of log-gamma
``log_bessel``      Bregman divergence of log(I0)
``inverse_powers``  Bregman divergence of ``-log(x)/2`` and of inverse powers
"""
