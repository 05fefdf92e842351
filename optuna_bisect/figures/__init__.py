"""What the figures of a study show, and how they are drawn.

In reading order:

summary     a study as rows of trials, with the winner and a conclusion in words
style       how outcomes, axes and hover texts look in every figure; the only use of plotly
bracket     figure: the bracket over trials
curves      figure: the loss curves by verdict
adjustment  figure: the rate of the final trial in Phase 2
"""
