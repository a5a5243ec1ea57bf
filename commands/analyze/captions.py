"""The captions of the tables of the `analyze` commands in Markdown and LaTeX: what a table shows, with units and rules."""

WILSON = "Brackets contain 95 % Wilson intervals."
KAPPA = "κ is error consistency, Cohen's κ of correct and wrong responses (Geirhos et al. 2020)."
SCORE = "Brackets contain 95 % score intervals."
MOVER = "Brackets contain 95 % intervals over images (MOVER)"
BOOTSTRAP = "95 % percentile intervals of a bootstrap over images"
OVER_OBSERVERS = "Brackets contain 95 % percentile intervals of a bootstrap over observers."
TEXTS = {
    "accuracy": f"""Accuracy: proportion of trials with the correct response. {WILSON}""",
    "accuracy by group": f"""
        Mean accuracy over the observers of each group; accuracy is the proportion of trials with the correct response. The
        pooled value is that of all trials of a group together. {OVER_OBSERVERS}""",
    "shape-bias by group": f"""
        Mean shape bias over the observers of each group on cue-conflict images: number of shape responses divided by the
        number of shape and texture responses (Geirhos et al. 2019). The pooled value is that of all trials of a group
        together. {OVER_OBSERVERS}""",
    "shape-bias": f"""
        Shape bias on cue-conflict images: number of shape responses divided by the number of shape and texture
        responses (Geirhos et al. 2019). The rates are proportions of all trials. {WILSON}""",
    "confusion": f"""
        Wrong responses: number of trials, number of trials with the category, and their quotient. {WILSON}""",
    "entropy": """
        Entropy of the responses in bits; highest is the binary logarithm of the number of choices. Brackets contain 95
        % basic bootstrap intervals over images.""",
    "thresholds": """
        Thresholds of psychometric functions: the level at which accuracy is halfway between the guess rate and one
        minus the lapse rate. Brackets contain 95 % profile-likelihood intervals.""",
    "correlation": """
        Correlation of two measures over observers. Brackets contain 95 % intervals (Fisher's z for Pearson's r; Bonett
        and Wright 2000 for Spearman's r). p values are two-sided and come from t tests.""",
    "consistency": f"""Error consistency of pairs of observers on n images. {KAPPA} {SCORE}""",
    "consistency by group": f"""
        Mean error consistency over the pairs of observers of two kinds or groups. {KAPPA} {MOVER}, with the observers held
        fixed.""",
    "errors": f"""
        Agreement of the wrong responses of pairs of observers (misclassification agreement) and class-level error
        similarity (Xu et al. 2024). Brackets contain {BOOTSTRAP}.""",
    "independence": f"""
        Error consistency of pairs of observers, tested against independent observers with the same accuracies. {KAPPA}
        p values are two-sided, with Holm's correction over all pairs of a dataset. Brackets contain the central 95 % of
        κ under independence.""",
    "difference": f"""
        Difference of two observers in their mean κ with people. {KAPPA} Brackets contain {BOOTSTRAP}. p values come
        from permutation tests and are two-sided, with Holm's correction over all pairs of a dataset.""",
    "ceiling": f"""
        Mean κ with people, and the noise ceiling. {KAPPA} {MOVER}; those of the share are {BOOTSTRAP}. The lower and
        the upper bound follow Nili et al. (2014).""",
    "contrasts": f"""
        Mean κ within and between kinds of observer, and with people. {KAPPA} {MOVER}, with the observers held fixed. p
        values come from permutation tests over observers.""",
    "clusters": f"""Clusters of observers by average linkage on 1 − κ. {KAPPA}""",
    "map": f"""Two-dimensional map of observers by classical scaling of 1 − κ. {KAPPA}""",
    "retest": f"""Error consistency of two sessions of one observer. {KAPPA} {SCORE}""",
    "benchmark": """
        Benchmark of Geirhos et al. (2021), averaged over datasets: out-of-distribution (OOD) accuracy, and accuracy
        difference (squared), observed agreement and error consistency (κ) with people.""",
    "benchmark by group": f"""
        Benchmark of Geirhos et al. (2021), averaged over datasets and then over the observers of each group:
        out-of-distribution (OOD) accuracy, and accuracy difference (squared), observed agreement and error consistency (κ)
        with people. {OVER_OBSERVERS} The intervals of people are over images.""",
    "ranks": """
        Benchmark of Geirhos et al. (2021), averaged over datasets. Brackets contain 95 % intervals over images: MOVER
        for error consistency, percentile bootstrap for the others.""",
    "table-1": """
        Shape bias on cue-conflict images, out-of-distribution (OOD) accuracy, and error consistency (κ) with people, as
        in Table 1 of Jaini et al. (2024). OOD accuracy and κ are averaged over the datasets of the benchmark of Geirhos
        et al. (2021). Brackets contain 95 % intervals: Wilson intervals of shape bias, percentile bootstrap over images
        for OOD accuracy, and MOVER for κ.""",
    "levels": f"""
        Shape bias on images with a cue conflict, accuracy on images without one, and mean κ with people or with other
        observers, for parts of the noise schedule of generative observers. {KAPPA} Brackets contain 95 % intervals:
        Wilson intervals of shape bias and accuracy, and MOVER over images for κ.""",
    "illusions": """Responses to visual illusions. Brackets contain 95 % intervals.""",
    "reconstructions": f"""
        Layout of reconstructions compared with that of unrelated images. Brackets contain {BOOTSTRAP}.""",
}
CAPTIONS = {name: " ".join(text.split()) for name, text in TEXTS.items()}
