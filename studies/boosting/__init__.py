"""The rate of gradient boosting, found in several ways: what each costs and reaches.

- ``tasks``: eight data sets that packages ship or generate
- ``boosters``: LightGBM and XGBoost, each trained in one function
- ``compare``: the command; it keeps a row for each library, task and method in ``results.csv``
"""
