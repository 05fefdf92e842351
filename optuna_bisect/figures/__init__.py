"""What the figures of a study show, and how they are drawn.

In reading order:

- ``summary``: a study as rows of trials, with the winner and a conclusion in words
- ``style``: how outcomes, axes and hover texts look in every figure; the only use of plotly
- ``bracket``: the bracket over trials
- ``curves``: the loss curves by verdict
- ``adjustment``: the rate of the final trial in Phase 2
"""
