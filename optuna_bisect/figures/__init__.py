"""What people see of a study: figures, tables and words, and how they are drawn.

In reading order:

- ``rows``: single trials and single configurations as people want to see them
- ``summary``: a study made of both, with the winner and a conclusion in words
- ``progress``: how far it has come, and the time that is left
- ``words``: both in plain text, for a terminal
- ``style``: how outcomes, axes and hover texts look in every figure; the only use of plotly
- ``bracket``: the bracket over trials
- ``configurations``: several configurations over their cost, and as parallel coordinates
- ``curves``: the loss curves by verdict
- ``adjustment``: the rate of the final trial in Phase 2
"""
