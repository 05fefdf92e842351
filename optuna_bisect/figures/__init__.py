"""What people see of a study: figures, tables and words, and how they are drawn.

In reading order:

- ``summary``: a study as rows of trials, with the winner and a conclusion in words
- ``progress``: how far it has come, and the time that is left
- ``words``: both in plain text, for a terminal
- ``style``: how outcomes, axes and hover texts look in every figure; the only use of plotly
- ``bracket``: the bracket over trials
- ``curves``: the loss curves by verdict
- ``adjustment``: the rate of the final trial in Phase 2
- ``page``: all figures, the conclusion and the table on one page
"""
